/**
 * The order of things, and nothing but it: discover → roster → match → engine → aggregate → guard, reconcile → publish.
 */

import type { Clock } from '../core/clock.ts';
import type { ReloadChanges } from '../core/control.ts';
import type { Engine, FromEngine } from '../core/engine.ts';
import type { Intervention, InterventionOrder } from '../core/intervention.ts';
import type { Log } from '../core/log.ts';
import type { Memory } from '../core/memory.ts';
import type { Reporter } from '../core/report.ts';
import { Instances, type Measures } from './instances.ts';
import { Interventions, type Laid, selectorText, selects } from './interventions.ts';
import type { InstanceRecord, TargetRecord } from './record.ts';
import { Roster } from './roster.ts';
import { type PipelineRegistry, Source, type SourceDeps } from './source.ts';

/** What a reload may replace. A registry or a check that is the same object goes on as it is. */
export interface PipelinePlan extends Measures {
  readonly registries: readonly PipelineRegistry[];
}

export interface PipelineDeps extends PipelinePlan {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: Memory;
  /** In [0, 1). */
  readonly random: () => number;
  readonly report: Reporter;
  /** Why nothing that goes down may be believed now; undefined, as by default, while it may. */
  readonly doubt?: () => string | undefined;
}

const TICK = 1_000;
/** Every so many ticks everything is reconciled anew, dirty or not. */
const FULL_ROUND = 5;
/** What changes together is reconciled together. */
const COALESCE = 50;

export class Pipeline {
  readonly #deps: PipelineDeps;
  readonly #roster = new Roster();
  readonly #interventions: Interventions;
  readonly #instances: Instances;
  readonly #sourceDeps: SourceDeps;
  #sources: ReadonlyMap<string, Source>;
  /** While it runs. */
  #running: AbortSignal | undefined;
  readonly #ending = new Set<Promise<void>>();
  readonly #bug = new AbortController();
  #everListed = false;
  #soon: Disposable | undefined;
  #backgroundLoss: number | undefined;

  constructor(deps: PipelineDeps) {
    const { clock, log, random, report, memory, doubt = () => undefined } = deps;
    this.#deps = deps;
    this.#interventions = new Interventions(clock, memory);
    this.#instances = new Instances(
      {
        ...deps,
        laidOn: (instance) => this.#interventions.on(instance),
        touch: (record) => this.#touch(record),
      },
      deps,
    );
    this.#sourceDeps = {
      roster: this.#roster,
      instances: this.#instances,
      clock,
      log,
      random,
      report,
      doubt,
      onReceipt: () => this.#reconcileSoon(),
      onBug: (error) => this.#bug.abort(error),
    };
    this.#sources = new Map(deps.registries.map((spec) => [spec.name, new Source(spec, this.#sourceDeps)]));
  }

  /** Registries that have not been listed yet; ready means there is none. Once ready, it stays so. */
  get waitingFor(): readonly string[] {
    if (this.#everListed) return [];
    const waiting = [...this.#sources.values()].filter(({ listed }) => !listed).map(({ spec }) => spec.name);
    this.#everListed = waiting.length === 0;
    return waiting;
  }

  /** What the engine says. */
  hear(message: FromEngine): void {
    switch (message.kind) {
      case 'observed':
        this.#instances.observed(message);
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
        this.#backgroundLoss = message.numbers.backgroundLoss;
        this.#deps.report(message);
        break;
      default:
        message satisfies never;
    }
  }

  /** Share of looks that miss targets that are alive, once the engine told. */
  get backgroundLoss(): number | undefined {
    return this.#backgroundLoss;
  }

  /** The targets of an instance as they stand, undefined if there is no such instance. */
  targets(id: string): readonly TargetRecord[] | undefined {
    const record = this.#instances.get(id);
    return record === undefined ? undefined : [...record.targets.values()];
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
  overwrite(id: string, by: string): boolean {
    const record = this.#instances.get(id);
    if (record === undefined) return false;
    record.write.force = true;
    this.#instances.remember(record);
    this.#operator({ subject: id, to: 'overwrite', by });
    this.#touch(record);
    return true;
  }

  /**
   * An operator lets through what the brake of a registry holds now, and lifts the holds laid upon the registry as a
   * whole; false if there is no such registry.
   */
  releaseGuard(registry: string, by: string, reason?: string): boolean {
    const source = this.#sources.get(registry);
    if (source === undefined) return false;
    source.writeBack.releaseGuard();
    const why = reason === undefined ? {} : { detail: reason };
    this.#operator({ subject: registry, to: 'release-guard', by, ...why });
    for (const { id, kind, selector } of this.#interventions.all)
      if (kind === 'hold' && isWholeRegistry(selector, registry)) this.lift(id, by);
    this.#reconcileSoon();
    return true;
  }

  intervene(order: InterventionOrder): Intervention {
    const laid = this.#interventions.lay(order);
    this.#tellIntervention(laid, laid.kind, laid.by);
    this.#instances.relay();
    return this.#counted(laid);
  }

  /** The interventions in force, oldest first. */
  interventions(): readonly Intervention[] {
    return this.#interventions.all.map((laid) => this.#counted(laid));
  }

  /** Ends an intervention before its time; false if there is none with that id. */
  lift(id: string, by: string): boolean {
    const laid = this.#interventions.lift(id);
    if (laid === undefined) return false;
    this.#tellIntervention(laid, 'resume', by);
    this.#instances.relay();
    return true;
  }

  /** Other registries, checks and policies from now on; what is the same object goes on undisturbed. */
  replan(plan: PipelinePlan): ReloadChanges {
    const before = this.#sources;
    const sources = new Map<string, Source>();
    for (const spec of plan.registries) {
      const old = before.get(spec.name);
      const source =
        old !== undefined && sameSpec(old.spec, spec) ? old : new Source(spec, this.#sourceDeps, old);
      sources.set(spec.name, source);
    }
    this.#sources = sources;
    const homeOf = (registry: string): Source['home'] | undefined => sources.get(registry)?.home;
    const departed = [...before.values()].filter(({ spec }) => !sources.has(spec.name));
    let removed = 0;
    for (const source of departed) removed += this.#disband(source);
    const changes = this.#instances.remeasure(plan, homeOf);
    for (const [name, source] of sources) {
      const old = before.get(name);
      if (old === source) continue;
      const ended = old === undefined ? Promise.resolve() : this.#end(old, 'leave');
      if (this.#running !== undefined) source.start(this.#running, ended);
    }
    for (const source of departed) void this.#end(source, 'leave');
    return { ...changes, removed: changes.removed + removed };
  }

  /** Runs until aborted; then lets looks in flight end, and writes what can be written at once. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.#bug.signal]);
    const failing = (work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => this.#bug.abort(error));
    this.#running = stop;
    for (const source of this.#sources.values()) source.start(stop, Promise.resolve());
    await Promise.all([failing(this.#deps.engine.run(stop)), failing(this.#tick(stop))]);
    this.#running = undefined;
    if (!this.#bug.signal.aborted) this.#reconcile();
    for (const source of this.#sources.values()) void this.#end(source, 'write');
    await Promise.all(this.#ending);
    this.#soon?.[Symbol.dispose]();
    this.#bug.signal.throwIfAborted();
  }

  #end(source: Source, waiting: 'write' | 'leave'): Promise<void> {
    const ending = source.end(waiting).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return ending;
  }

  /** Forgets all instances of a registry that is not configured any more; how many targets they had. */
  #disband(source: Source): number {
    const { name } = source.spec;
    let targets = 0;
    for (const record of this.#instances.all())
      if (record.instance.registry === name) targets += record.targets.size;
    for (const service of this.#roster.services(name))
      this.#instances.enrol(source.home, this.#roster.apply(name, service, []));
    return targets;
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
      this.#expire();
      for (const record of this.#instances.all()) this.#instances.refresh(record);
      for (const source of this.#sources.values()) {
        if (round % FULL_ROUND === 0) source.writeBack.touchAll();
        source.writeBack.reconcile();
        source.tell();
      }
    }
  }

  #expire(): void {
    const over = this.#interventions.expire();
    for (const laid of over) this.#tellIntervention(laid, 'resume', laid.by, 'its time is over');
    if (over.length > 0) this.#instances.relay();
  }

  #counted(laid: Laid): Intervention {
    let instances = 0;
    for (const { instance } of this.#instances.all()) if (selects(laid.selector, instance)) instances++;
    return { ...laid, instances };
  }

  #tellIntervention(laid: Laid, to: string, by: string, why?: string): void {
    const limit = laid.until === null ? '' : ` (until ${laid.until})`;
    const detail = why ?? `${laid.reason}${to === laid.kind ? limit : ''}`;
    this.#operator({ subject: selectorText(laid.selector), to, by, detail });
  }

  #operator(event: { subject: string; to: string; by: string; detail?: string }): void {
    this.#deps.report({ kind: 'event', event: { kind: 'operator', ...event } });
    this.#deps.log.info('An operator intervened', event);
  }
}

function isWholeRegistry(
  { namespace, service, instance, ...rest }: Laid['selector'],
  registry: string,
): boolean {
  const wide = (pattern: string | undefined): boolean => pattern === undefined || pattern === '*';
  return rest.registry === registry && wide(namespace) && wide(service) && instance === undefined;
}

/** Nothing about it would run differently. */
function sameSpec(a: PipelineRegistry, b: PipelineRegistry): boolean {
  return (
    a.registry === b.registry &&
    a.mode === b.mode &&
    a.writer === b.writer &&
    a.maxPerSecond === b.maxPerSecond &&
    a.perInstanceEvery === b.perInstanceEvery &&
    a.guard.allowance === b.guard.allowance &&
    a.guard.freezeAbove === b.guard.freezeAbove
  );
}
