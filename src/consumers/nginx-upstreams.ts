/**
 * The consumer `nginx-upstreams`: keeps a file of upstreams that nginx includes, replaces it as a whole when something is said
 * differently, and has nginx read it again.
 */

import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import type { NginxUpstreamsConfig } from '../core/consumer.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import type { TellingDeps } from './haproxy-agent.ts';
import { NOTHING_STOOD, readUpstreams, renderUpstreams, type Stood } from './nginx-file.ts';
import type { ConsumerCounters, Telling } from './telling.ts';

/** What changes together is written together, milliseconds. */
const COALESCE = 200;
const AGAIN: Backoff = { base: 1_000, cap: 60_000 };
/** Milliseconds that the program may take. */
const RELOAD_TIME = 10_000;
const MOST_SHOWN = 500;

export class NginxUpstreams implements Telling {
  readonly config: NginxUpstreamsConfig;
  readonly #deps: TellingDeps;
  #told = 0;
  #failed = 0;
  #failures = 0;
  #stood: Stood = NOTHING_STOOD;
  /** What the file says; undefined: it does not exist. */
  #text: string | undefined;
  /** nginx has not been told of what the file says. */
  #unread = false;
  #reloadedAt = Number.NEGATIVE_INFINITY;
  readonly #refused = new Set<string>();
  #wake: () => void = () => undefined;
  #dirty = true;

  constructor(config: NginxUpstreamsConfig, deps: TellingDeps) {
    this.config = config;
    this.#deps = deps;
  }

  get counters(): ConsumerCounters {
    return { told: this.#told, failed: this.#failed };
  }

  changed(): void {
    this.#dirty = true;
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, directory, log, random } = this.#deps;
    const fields = { consumer: this.config.name, path: this.config.path };
    while (!signal.aborted) {
      const ready = directory.complete(this.config.match);
      if (!ready || !(this.#dirty || this.#unread)) {
        await this.#woken(signal);
        continue;
      }
      const wait = this.#failures > 0 ? backoffDelay(AGAIN, this.#failures, random()) : COALESCE;
      const calm = Math.max(wait, this.#reloadedAt + this.config.reloadEvery - clock.now());
      const woke = await clock.sleep(calm, signal).then(
        () => true,
        () => false,
      );
      if (!woke) return;
      const failure = await this.#tell(signal);
      if (failure === undefined) {
        if (this.#failures > 0) log.info('nginx was told again', fields);
        this.#failures = 0;
      } else {
        this.#failed++;
        if (++this.#failures === 1)
          log.warn('nginx could not be told; it is tried again', { ...fields, error: failure });
      }
    }
  }

  /** Why it was not told, if it was not. */
  async #tell(signal: AbortSignal): Promise<string | undefined> {
    try {
      if (this.#dirty) await this.#write();
      if (!this.#unread) return undefined;
      await this.#reload(signal);
    } catch (error) {
      // Who is stopped has not failed.
      if (signal.aborted) return undefined;
      // A file that was not written is to be written again.
      return error instanceof Error ? error.message.slice(0, MOST_SHOWN) : String(error);
    }
    this.#unread = false;
    this.#told++;
    return undefined;
  }

  async #write(): Promise<void> {
    const { path, match } = this.config;
    this.#text ??= await readIfThere(path);
    if (this.#stood === NOTHING_STOOD && this.#text !== undefined) this.#stood = readUpstreams(this.#text);
    this.#dirty = false;
    const { text, refused } = renderUpstreams(this.#deps.directory.all(match), this.config, this.#stood);
    for (const name of refused) this.#refuse(name);
    if (text === this.#text) return;
    try {
      await writeFile(`${path}.sonde`, text, { mode: 0o644 });
      await rename(`${path}.sonde`, path);
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
    this.#text = text;
    this.#stood = readUpstreams(text);
    this.#unread = true;
  }

  #refuse(name: string): void {
    if (this.#refused.has(name)) return;
    this.#refused.add(name);
    const fields = { consumer: this.config.name, name };
    this.#deps.log.warn('A name cannot stand in a configuration of nginx and is left out', fields);
  }

  async #reload(signal: AbortSignal): Promise<void> {
    const [program, ...args] = this.config.reload;
    if (program === undefined) return;
    this.#reloadedAt = this.#deps.clock.now();
    await runProgram(program, args, this.#deps.clock, signal);
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Rejects with what it said unless it ends with 0. */
async function runProgram(
  program: string,
  args: readonly string[],
  clock: Clock,
  parent: AbortSignal,
): Promise<void> {
  using deadline = clock.deadline(RELOAD_TIME, parent);
  await new Promise<void>((resolve, reject) => {
    execFile(program, [...args], { signal: deadline.signal, killSignal: 'SIGKILL' }, (error, _out, said) => {
      if (error === null) resolve();
      else reject(new Error(said.trim() === '' ? error.message : said.trim()));
    });
  });
}
