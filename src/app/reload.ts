/**
 * Reads the configuration again when told to or when its content changed: all of it is read, decoded and made before
 * anything is swapped, and a bad one changes nothing and is told once.
 */

import { formatProblems } from '../config/format.ts';
import type { LoadResult } from '../config/load.ts';
import type { Clock } from '../core/clock.ts';
import type { ReloadChanges, ReloadResult } from '../core/control.ts';
import type { ConfigurationView } from '../core/explain-view.ts';
import type { Log } from '../core/log.ts';
import type { Reporter } from '../core/report.ts';
import { isoTime } from '../lib/iso-time.ts';

export type Loaded = Pick<Extract<LoadResult, { readonly ok: true }>, 'config' | 'catalogue'>;

/** Where the configuration comes from. */
export interface Origin {
  /** Name of the file or folder, for people. */
  readonly name: string;
  readonly load: () => Promise<LoadResult>;
  /** A hash over what its files say now, secrets included. */
  readonly revision: (files: readonly string[]) => Promise<string>;
}

export interface ReloaderDeps {
  readonly origin: Origin;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Reporter;
  /** Makes everything and swaps it in; throws where something cannot be made, and has then changed nothing. */
  readonly apply: (loaded: Loaded) => ReloadChanges;
}

export class Reloader {
  readonly #deps: ReloaderDeps;
  #inForce: Loaded;
  #appliedAt: number;
  #rejected: { readonly at: number; readonly text: string; readonly revision: string } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(deps: ReloaderDeps, first: Loaded) {
    this.#deps = deps;
    this.#inForce = first;
    this.#appliedAt = deps.clock.wall();
  }

  /** The last configuration read was applied. */
  get applied(): boolean {
    return this.#rejected === undefined;
  }

  /** `Clock.wall()`. */
  get appliedAt(): number {
    return this.#appliedAt;
  }

  get view(): Pick<ConfigurationView, 'source' | 'revision' | 'appliedAt' | 'rejected'> {
    const rejected = this.#rejected;
    return {
      source: this.#deps.origin.name,
      revision: this.#inForce.config.revision,
      appliedAt: isoTime(this.#appliedAt),
      rejected: rejected === undefined ? null : { at: isoTime(rejected.at), text: rejected.text },
    };
  }

  /** One at a time. Never rejects. */
  reload(by: string): Promise<ReloadResult> {
    const next = this.#queue.then(() => this.#reload(by));
    this.#queue = next;
    return next;
  }

  /** Looks every `every` milliseconds whether the files say something else, until aborted. */
  async watch(every: () => number, signal: AbortSignal): Promise<void> {
    // What was seen and reloaded, successfully or not, is not read again until it says something else.
    let seen = this.#inForce.config.revision;
    while (!signal.aborted) {
      const pause = every();
      try {
        // Switched off: it may be switched on again by a reload that somebody asks for.
        await this.#deps.clock.sleep(pause === 0 ? 1_000 : pause, signal);
      } catch {
        return;
      }
      if (pause === 0) continue;
      const now = await this.#deps.origin.revision(this.#inForce.config.files);
      if (now === seen || now === this.#rejected?.revision) continue;
      seen = now;
      await this.reload('a change of its files');
    }
  }

  async #reload(by: string): Promise<ReloadResult> {
    const { origin, apply, clock } = this.#deps;
    let loaded: LoadResult;
    try {
      loaded = await origin.load();
    } catch (error) {
      return this.#reject(by, describe(error));
    }
    if (!loaded.ok) return this.#reject(by, formatProblems('text', loaded.problems, loaded.texts, PLAIN));
    const same = loaded.config.revision === this.#inForce.config.revision;
    if (same && this.applied) return { kind: 'unchanged' };
    let changes: ReloadChanges;
    try {
      changes = apply(loaded);
    } catch (error) {
      return this.#reject(by, describe(error));
    }
    this.#inForce = loaded;
    this.#appliedAt = clock.wall();
    this.#rejected = undefined;
    this.#tell('applied', by, { ...changes, revision: loaded.config.revision });
    return { kind: 'applied', changes };
  }

  async #reject(by: string, text: string): Promise<ReloadResult> {
    const { origin, clock, log } = this.#deps;
    const revision = await origin.revision(this.#inForce.config.files);
    // The same mistake is told once, however often somebody asks.
    const news = this.#rejected?.text !== text;
    this.#rejected = { at: clock.wall(), text, revision };
    if (news) {
      this.#tell('rejected', by, {});
      log.error('The configuration was not reloaded; what was in force stays', { by, problems: text });
    }
    return { kind: 'rejected', text };
  }

  #tell(to: 'applied' | 'rejected', by: string, numbers: Readonly<Record<string, number | string>>): void {
    const { origin, report, log } = this.#deps;
    const detail = Object.entries(numbers)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
    const event = { kind: 'configuration', subject: origin.name, to, by } as const;
    report({ kind: 'event', event: detail === '' ? event : { ...event, detail } });
    if (to === 'applied') log.info('The configuration was reloaded', { by, ...numbers });
  }
}

const PLAIN = { colour: false, columns: 100 } as const;

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
