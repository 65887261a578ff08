/** One registry of the pipeline: what it tells is followed, what shall stand in it is written. */

import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Registry } from '../core/registry.ts';
import type { Reporter } from '../core/report.ts';
import type { WriteMode } from '../core/view.ts';
import { discover } from './discover.ts';
import type { BrakeLimits } from './guard.ts';
import type { Home, Instances } from './instances.ts';
import type { Roster } from './roster.ts';
import { WriteBack } from './write-back.ts';

export interface PipelineRegistry {
  readonly name: string;
  readonly registry: Registry;
  readonly mode: WriteMode;
  readonly writer: string;
  readonly maxPerSecond: number;
  readonly perInstanceEvery: number;
  readonly guard: BrakeLimits;
}

export interface SourceDeps {
  readonly roster: Roster;
  readonly instances: Instances;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly report: Reporter;
  /** Why nothing that goes down may be believed now; undefined while it may. */
  readonly doubt: () => string | undefined;
  /** A write came back: there is something to reconcile. */
  readonly onReceipt: () => void;
  /** Something broke that is a mistake of ours. */
  readonly onBug: (error: unknown) => void;
}

/** How long the last writes may take when a source ends. */
const LAST_WRITES = 5_000;

export class Source {
  readonly spec: PipelineRegistry;
  readonly writeBack: WriteBack;
  readonly home: Home;
  readonly #deps: SourceDeps;
  readonly #stop = new AbortController();
  readonly #last = new AbortController();
  #working: Promise<unknown> = Promise.resolve();
  /** Undefined before the first answer or failure. */
  #up: boolean | undefined;
  #syncedAt: number | null = null;
  #notices: readonly string[] = [];

  /** `before` is the source of the same registry before a reload. */
  constructor(spec: PipelineRegistry, deps: SourceDeps, before?: Source) {
    const { clock, log, random, report, doubt, onReceipt, instances } = deps;
    this.spec = spec;
    this.#deps = deps;
    if (before !== undefined) {
      this.#up = before.#up;
      this.#syncedAt = before.#syncedAt;
      this.#notices = before.#notices;
    }
    const writeBack = new WriteBack({
      ...spec,
      brake: spec.guard,
      clock,
      log,
      random,
      report,
      doubt,
      onReceipt,
      onHold: (record) => instances.refresh(record),
      remember: (record) => instances.remember(record),
      ...(before === undefined ? {} : { before: before.writeBack }),
    });
    this.writeBack = writeBack;
    this.home = { writer: spec.writer, mode: spec.mode, forget: (record) => writeBack.forget(record) };
  }

  /** It has told all it knows at least once. */
  get listed(): boolean {
    return this.#syncedAt !== null;
  }

  /** Works until `signal` aborts or `end` is called; writes nothing before `predecessor` has ended. */
  start(signal: AbortSignal, predecessor: Promise<void>): void {
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    const writing = async (): Promise<void> => {
      await predecessor;
      await this.writeBack.run(this.#last.signal);
    };
    this.#working = Promise.all(
      [this.#follow(stop), writing()].map((work) => work.catch((error: unknown) => this.#bug(error))),
    );
  }

  /** Stops following; what waits to be written is written if that can be done at once, or left to a successor. */
  async end(waiting: 'write' | 'leave'): Promise<void> {
    this.#stop.abort(new Error('the registry is not followed any more'));
    if (waiting === 'leave') this.writeBack.withdrawAll();
    this.writeBack.finish();
    using _deadline = this.#deps.clock.after(LAST_WRITES, () =>
      this.#last.abort(new Error('the last writes took too long')),
    );
    await this.#working;
  }

  /** Tells listeners how it stands, once there is something to tell. */
  tell(): void {
    if (this.#up !== undefined) this.#tell();
  }

  #bug(error: unknown): void {
    this.#stop.abort(error);
    this.#last.abort(error);
    this.#deps.onBug(error);
  }

  #follow(signal: AbortSignal): Promise<void> {
    const { name, registry } = this.spec;
    const { roster, instances, clock, log, random } = this.#deps;
    return discover(
      { name, registry, clock, log, random },
      {
        known: (service) => roster.size(name, service),
        services: () => roster.services(name),
        // An adapter may still speak while it is being stopped; its successor's word counts then.
        apply: (service, entries) => {
          if (!signal.aborted) instances.enrol(this.home, roster.apply(name, service, entries));
        },
        synced: (notices) => {
          this.#syncedAt = clock.now();
          this.#notice(notices);
          this.#setUp(true);
        },
        failed: (error) => this.#setUp(false, error.message),
      },
      signal,
    );
  }

  /** What is said for the first time is told once. */
  #notice(notices: readonly string[]): void {
    const { name } = this.spec;
    for (const notice of notices) {
      if (this.#notices.includes(notice)) continue;
      this.#deps.log.warn('The registry does something on its own', { registry: name, notice });
      this.#deps.report({
        kind: 'event',
        event: { kind: 'registry', subject: name, reason: 'notice', detail: notice },
      });
    }
    this.#notices = notices;
  }

  #setUp(up: boolean, error?: string): void {
    if (this.#up !== up) {
      const { name } = this.spec;
      const { roster, report, log } = this.#deps;
      const detail = error === undefined ? {} : { detail: error };
      const event = { kind: 'registry', subject: name, to: up ? 'up' : 'down', ...detail } as const;
      report({ kind: 'event', event });
      if (up) log.info('Registry answers', { registry: name, instances: roster.size(name) });
    }
    this.#up = up;
    this.#tell(error);
  }

  #tell(error?: string): void {
    const { name } = this.spec;
    this.#deps.report({
      kind: 'registry',
      registry: name,
      up: this.#up ?? false,
      syncedAt: this.#syncedAt,
      instances: this.#deps.roster.size(name),
      pendingWrites: this.writeBack.pending,
      notices: this.#notices,
      ...(error === undefined ? {} : { error }),
    });
  }
}
