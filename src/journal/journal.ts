/**
 * Last values by key that outlive the process: appended to a file as they change, found again by the next process. A
 * disk that fails stops the journal, loudly, and nothing else; it goes on by itself with all that is current.
 */

import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { isoTime } from '../lib/iso-time.ts';
import { codeOf, putAside, readLeft } from './folder.ts';
import { FRAME_BYTES } from './frames.ts';
import { Generation } from './generation.ts';
import { JournalInUseError, lockFolder } from './lock.ts';
import { forgetText, type Left, putText } from './records.ts';

export interface JournalDeps {
  /** Made if it is missing. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes that the journal's files never exceed, those put aside apart; default 256 MiB. */
  readonly maxSize?: number;
}

export interface Journal extends AsyncDisposable {
  /** What an earlier process left, without what was put or forgotten since. */
  readonly found: ReadonlyMap<string, unknown>;
  /** What was wrong with what an earlier process left, and where it was put aside; what stood before it was found. */
  readonly problem: string | undefined;
  readonly state: JournalState;
  /**
   * Remembers; undefined forgets. Never waits, never throws; written within a second while `run` runs. The value is read
   * then: it must not be changed meanwhile. What JSON cannot say in 1 MiB is forgotten, and that is logged once.
   */
  put(key: string, value: unknown): void;
  /** Writes what was put until aborted, then what was put last. */
  run(signal: AbortSignal): Promise<void>;
}

export type JournalState =
  | { readonly kind: 'ok' }
  /** Nothing is kept at present; it is tried again. `since` is `Clock.now()`. */
  | { readonly kind: 'failed'; readonly reason: string; readonly since: number };

/** Reads what is there and starts a new generation. Throws `JournalInUseError` where another process has the folder. */
export async function openJournal(deps: JournalDeps): Promise<Journal> {
  const journal = new FileJournal(deps);
  await journal.open();
  return journal;
}

const FLUSH_EVERY = 1_000;
const RETRY_EVERY = 10_000;
/** Bytes written at once; between two such writes others have their turn. */
const CHUNK = 64 * 1024;
/** Records taken over between two turns of others. */
const TURN = 100;
/** Bytes appended before a new generation is worth its while. */
const SLACK = 4 * 1024 * 1024;
const DEFAULT_MAX_SIZE = 256 * 1024 * 1024;
/** Shares of the largest size: of all that is current, and of a generation. Two generations are there for a moment. */
const LARGEST_SNAPSHOT = 0.4;
const LARGEST_GENERATION = 0.5;

class FileJournal implements Journal {
  readonly #dir: string;
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxSize: number;
  #lock: Disposable | undefined;
  #found = new Map<string, unknown>();
  #problem: string | undefined;
  /** Where the damaged file goes before a new one takes its place. */
  #aside: string | undefined;
  /** Put since the last flush. */
  #changes = new Map<string, unknown>();
  /** The records of all that is current, as text: a snapshot needs no value a second time. */
  readonly #current = new Map<string, string>();
  /** Bytes that they take in a snapshot. */
  #currentSize = 0;
  /** Undefined while nothing can be written. */
  #generation: Generation | undefined;
  #failure: { readonly code: string; readonly reason: string; readonly since: number } | undefined;
  #retryAt = 0;
  #saidUnkept = false;

  constructor({ dir, clock, log, maxSize = DEFAULT_MAX_SIZE }: JournalDeps) {
    this.#dir = dir;
    this.#file = join(dir, 'journal');
    this.#clock = clock;
    this.#log = log;
    this.#maxSize = maxSize;
  }

  get found(): ReadonlyMap<string, unknown> {
    return this.#found;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  get state(): JournalState {
    if (this.#failure === undefined) return { kind: 'ok' };
    const { reason, since } = this.#failure;
    return { kind: 'failed', reason, since };
  }

  async open(): Promise<void> {
    await this.#attempt(() => this.#take(), 'opening');
    this.#believe(await readLeft(this.#file));
    if (this.#lock !== undefined) await this.#attempt(() => this.#begin());
  }

  put(key: string, value: unknown): void {
    this.#found.delete(key);
    // The order of the records is the order of the last puts.
    this.#changes.delete(key);
    this.#changes.set(key, value);
  }

  async run(signal: AbortSignal): Promise<void> {
    let last: boolean;
    do {
      await this.#pause(signal);
      last = signal.aborted;
      if (last) this.#retryAt = 0;
      await this.#flush();
    } while (!last);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dropGeneration();
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(FLUSH_EVERY, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #flush(): Promise<void> {
    const changes = this.#changes;
    this.#changes = new Map();
    let folded = 0;
    let outgrown = false;
    for (const [key, value] of changes) {
      if (++folded % TURN === 0) await nextTurn();
      const text = this.#fold(key, value);
      const generation = this.#generation;
      if (text === undefined || generation === undefined) continue;
      outgrown ||= this.#hasNoRoom(generation, text);
      // The next generation will have it.
      if (outgrown) continue;
      generation.add(text);
      if (generation.buffered >= CHUNK) await this.#attempt(() => generation.write());
    }
    const generation = this.#generation;
    if (generation === undefined) {
      if (this.#clock.now() >= this.#retryAt) await this.#attempt(() => this.#begin());
    } else if (outgrown) {
      await this.#attempt(() => this.#begin());
    } else {
      await this.#attempt(async () => {
        await generation.write();
        await generation.sync();
      });
    }
  }

  /** Takes a change over into what is current; its record, or undefined where nothing changed. */
  #fold(key: string, value: unknown): string | undefined {
    const before = this.#current.get(key);
    const text = value === undefined ? undefined : putText(key, value);
    if (text === before) return undefined;
    if (before !== undefined) this.#currentSize -= sizeOf(before);
    if (text !== undefined) {
      this.#current.set(key, text);
      this.#currentSize += sizeOf(text);
      return text;
    }
    if (value !== undefined) this.#sayUnkept(key);
    this.#current.delete(key);
    return forgetText(key);
  }

  #hasNoRoom(generation: Generation, text: string): boolean {
    return (
      generation.appended > Math.max(SLACK, this.#currentSize) ||
      generation.size + sizeOf(text) > this.#maxSize * LARGEST_GENERATION
    );
  }

  /** The folder is there, and ours. */
  async #take(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    this.#lock ??= await lockFolder(this.#dir, `${this.#file}.lock`);
  }

  /** Starts a new generation with all that is current. */
  async #begin(): Promise<void> {
    if (this.#currentSize > this.#maxSize * LARGEST_SNAPSHOT)
      throw new Obstacle('ETOOLARGE', `more than its largest size, ${this.#maxSize} bytes, has room for`);
    await this.#take();
    const { bavail, bsize } = await statfs(this.#dir);
    if (bavail * bsize < this.#currentSize + CHUNK) throw new Obstacle('ENOSPC', 'no space left on device');
    if (this.#aside !== undefined) await putAside(this.#file, this.#aside);
    this.#aside = undefined;
    const fresh = await Generation.begin(this.#file);
    try {
      for (const text of this.#current.values()) {
        fresh.add(text);
        if (fresh.buffered >= CHUNK) await fresh.write();
      }
      await fresh.publish();
    } catch (error) {
      await fresh.discard();
      throw error;
    }
    await this.#dropGeneration();
    this.#generation = fresh;
    if (this.#failure !== undefined) this.#log.info('The journal is written again', { dir: this.#dir });
    this.#failure = undefined;
  }

  /** What is wrong with the disk stops the journal; a mistake of ours is thrown, and so is a folder in use at the start. */
  async #attempt(deed: () => Promise<void>, when: 'opening' | 'running' = 'running'): Promise<void> {
    try {
      await deed();
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !(error instanceof Error)) throw error;
      if (when === 'opening' && error instanceof JournalInUseError) throw error;
      await this.#dropGeneration();
      this.#fail(code, error.message);
    }
  }

  #fail(code: string, message: string): void {
    const now = this.#clock.now();
    const before = this.#failure;
    this.#retryAt = now + RETRY_EVERY;
    const reason = message.startsWith(code) ? message : `${code}: ${message}`;
    this.#failure = { code, reason, since: before?.since ?? now };
    if (before?.code === code) return;
    this.#log.error('The journal cannot be written: nothing is kept over a restart until it can be', {
      dir: this.#dir,
      reason,
    });
  }

  #believe({ values, texts, damage }: Left): void {
    this.#found = values;
    for (const [key, text] of texts) {
      this.#current.set(key, text);
      this.#currentSize += sizeOf(text);
    }
    if (damage === undefined) return;
    this.#aside = `${this.#file}.corrupt-${isoTime(this.#clock.wall()).replaceAll(':', '-')}`;
    this.#problem = `${this.#file}: ${damage}; ${values.size} values from before it are used; put aside as ${this.#aside}`;
    this.#log.error('The journal was damaged: what stood before the damage is used', {
      file: this.#file,
      damage,
      values: values.size,
      aside: this.#aside,
    });
  }

  #sayUnkept(key: string): void {
    if (this.#saidUnkept) return;
    this.#saidUnkept = true;
    this.#log.warn('A state cannot be kept: it is no JSON, or more than 1 MiB of it', { key });
  }

  async #dropGeneration(): Promise<void> {
    const generation = this.#generation;
    this.#generation = undefined;
    try {
      await generation?.close();
    } catch (error) {
      // Its writes have failed before.
      if (codeOf(error) === undefined) throw error;
    }
  }
}

/** What keeps the journal from being written, found out without trying. */
class Obstacle extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'Obstacle';
    this.code = code;
  }
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text) + FRAME_BYTES;
}
