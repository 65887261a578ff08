/**
 * The order of things, and nothing but it: discover → roster → match → engine → aggregate → guard, reconcile → publish.
 */

import type { Check } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { Engine, FromEngine } from '../core/engine.ts';
import type { Log } from '../core/log.ts';
import type { Registry } from '../core/registry.ts';
import type { Reporter } from '../core/report.ts';
import type { WriteMode } from '../core/view.ts';
import { discover } from './discover.ts';
import type { BrakeLimits } from './guard.ts';
import { type Home, Instances } from './instances.ts';
import type { Policy } from './policy.ts';
import type { InstanceRecord } from './record.ts';
import { Roster } from './roster.ts';
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

export interface PipelineDeps {
  readonly registries: readonly PipelineRegistry[];
  readonly checks: readonly Check[];
  readonly policies: readonly Policy[];
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly report: Reporter;
}

interface Source {
  readonly spec: PipelineRegistry;
  readonly writeBack: WriteBack;
  readonly home: Home;
  /** Undefined before the first answer or failure. */
  up: boolean | undefined;
  syncedAt: number | null;
}

const TICK = 1_000;
/** Every so many ticks everything is reconciled anew, dirty or not. */
const FULL_ROUND = 5;
/** What changes together is reconciled together. */
const COALESCE = 50;
/** How long the last writes may take when the process ends. */
const LAST_WRITES = 5_000;

export class Pipeline {
  readonly #deps: PipelineDeps;
  readonly #roster = new Roster();
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #instances: Instances;
  #soon: Disposable | undefined;

  constructor(deps: PipelineDeps) {
    this.#deps = deps;
    this.#instances = new Instances({ ...deps, touch: (record) => this.#touch(record) });
    this.#sources = new Map(deps.registries.map((spec) => [spec.name, this.#source(spec)]));
  }

  /** Registries that have not been listed yet; ready means there is none. */
  get waitingFor(): readonly string[] {
    return [...this.#sources.values()]
      .filter(({ syncedAt }) => syncedAt === null)
      .map(({ spec }) => spec.name);
  }

  /** What the engine says. */
  hear(message: FromEngine): void {
    switch (message.kind) {
      case 'observed':
        this.#instances.observed(message.observation, message.verdict);
        break;
      case 'transition': {
        const record = this.#instances.ofTarget(message.transition.target);
        if (record === undefined) break;
        const { transition } = message;
        this.#deps.report({ kind: 'target-transition', instance: record.instance.id, transition });
        break;
      }
      case 'please-confirm':
        // The engine looks itself; other vantages are asked by a fleet.
        break;
      case 'numbers':
        this.#deps.report(message);
        break;
      default:
        message satisfies never;
    }
  }

  /** Looks at once at all targets of the instance; false if there is no such instance. */
  probeNow(id: string): boolean {
    const record = this.#instances.get(id);
    if (record === undefined) return false;
    for (const target of record.targets.keys())
      this.#deps.engine.tell({ kind: 'confirm', target, occasion: 'manual' });
    return true;
  }

  /** An operator says to write over what contests us; false if there is no such instance. */
  overwrite(id: string): boolean {
    const record = this.#instances.get(id);
    if (record === undefined) return false;
    record.write.force = true;
    this.#operator(id, 'overwrite');
    this.#touch(record);
    return true;
  }

  /** An operator lets through what the brake of a registry holds now; false if there is no such registry. */
  releaseGuard(registry: string): boolean {
    const source = this.#sources.get(registry);
    if (source === undefined) return false;
    source.writeBack.releaseGuard();
    this.#operator(registry, 'release-guard');
    return true;
  }

  /** Runs until aborted; then lets looks in flight end, and writes what can be written at once. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, engine } = this.#deps;
    const sources = [...this.#sources.values()];
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const last = new AbortController();
    const guardAll = (work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => {
        failed.abort(error);
        last.abort(error);
        throw error;
      });
    const publishing = sources.map(({ writeBack }) => guardAll(writeBack.run(last.signal)));
    try {
      await Promise.all(
        [...sources.map((source) => this.#follow(source, stop)), engine.run(stop), this.#tick(stop)].map(
          guardAll,
        ),
      );
      this.#reconcile();
    } finally {
      for (const { writeBack } of sources) writeBack.finish();
      using _deadline = clock.after(LAST_WRITES, () => last.abort(new Error('the process ends')));
      await Promise.all(publishing);
      this.#soon?.[Symbol.dispose]();
    }
  }

  #source(spec: PipelineRegistry): Source {
    const { clock, log, random, report } = this.#deps;
    const writeBack = new WriteBack({
      ...spec,
      brake: spec.guard,
      clock,
      log,
      random,
      report,
      onHold: (record) => this.#instances.refresh(record),
      onReceipt: () => this.#reconcileSoon(),
    });
    const home = {
      writer: spec.writer,
      mode: spec.mode,
      forget: (record: InstanceRecord) => writeBack.forget(record),
    };
    return { spec, writeBack, home, up: undefined, syncedAt: null };
  }

  #follow(source: Source, signal: AbortSignal): Promise<void> {
    const { name, registry } = source.spec;
    const { clock, log, random } = this.#deps;
    return discover(
      { name, registry, clock, log, random },
      {
        known: (service) => this.#roster.size(name, service),
        services: () => this.#roster.services(name),
        apply: (service, entries) =>
          this.#instances.enrol(source.home, this.#roster.apply(name, service, entries)),
        synced: () => {
          source.syncedAt = clock.now();
          this.#setUp(source, true);
        },
        failed: (error) => this.#setUp(source, false, error.message),
      },
      signal,
    );
  }

  #setUp(source: Source, up: boolean, error?: string): void {
    if (source.up !== up) {
      const { name } = source.spec;
      const detail = error === undefined ? {} : { detail: error };
      const event = { kind: 'registry', subject: name, to: up ? 'up' : 'down', ...detail } as const;
      this.#deps.report({ kind: 'event', event });
      if (up) this.#deps.log.info('Registry answers', { registry: name, instances: this.#roster.size(name) });
    }
    source.up = up;
    this.#reportRegistry(source, error);
  }

  #touch(record: InstanceRecord): void {
    this.#sources.get(record.instance.registry)?.writeBack.touch(record);
    this.#reconcileSoon();
  }

  #reconcileSoon(): void {
    this.#soon ??= this.#deps.clock.after(COALESCE, () => this.#reconcile());
  }

  #reconcile(): void {
    this.#soon?.[Symbol.dispose]();
    this.#soon = undefined;
    for (const { writeBack } of this.#sources.values()) writeBack.reconcile();
  }

  async #tick(signal: AbortSignal): Promise<void> {
    for (let round = 1; !signal.aborted; round++) {
      try {
        await this.#deps.clock.sleep(TICK, signal);
      } catch {
        return;
      }
      for (const record of this.#instances.all()) this.#instances.refresh(record);
      for (const source of this.#sources.values()) {
        if (round % FULL_ROUND === 0) source.writeBack.touchAll();
        source.writeBack.reconcile();
        if (source.up !== undefined) this.#reportRegistry(source);
      }
    }
  }

  #reportRegistry(source: Source, error?: string): void {
    const { name } = source.spec;
    this.#deps.report({
      kind: 'registry',
      registry: name,
      up: source.up ?? false,
      syncedAt: source.syncedAt,
      instances: this.#roster.size(name),
      pendingWrites: source.writeBack.pending,
      ...(error === undefined ? {} : { error }),
    });
  }

  #operator(subject: string, to: string): void {
    this.#deps.report({ kind: 'event', event: { kind: 'operator', subject, to } });
    this.#deps.log.info('An operator intervened', { subject, to });
  }
}
