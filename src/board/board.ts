/** The read model: hears every report, remembers what is true now, and makes views of it when somebody asks. */

import type { Clock } from '../core/clock.ts';
import type { Event } from '../core/event.ts';
import { HEALTHS, type Health } from '../core/health.ts';
import type { InstanceId } from '../core/instance.ts';
import type { ServiceView, WriteRowView } from '../core/list-view.ts';
import { FORGETFUL, type Memory } from '../core/memory.ts';
import type { Report, Reporter } from '../core/report.ts';
import type { InstanceSample } from '../core/sample.ts';
import type { TargetId } from '../core/target.ts';
import {
  type InstanceView,
  type LastLookView,
  type LocalHealthView,
  PROBER_WELL,
  type RegistryView,
  type SummaryView,
} from '../core/view.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { Changes } from './changes.ts';
import { type EventFilter, EventLog } from './event-log.ts';
import { contains, type Filter, type InstanceFilter, wantsInstance, wantsService } from './filter.ts';
import type { InstanceEntry } from './instance-entry.ts';
import {
  compareInstances,
  compareServices,
  countEarly,
  type InstancePlace,
  type ServicePlace,
} from './place.ts';
import { ServiceEntry } from './service-entry.ts';
import { TargetEntry } from './target-entry.ts';
import {
  disagrees,
  hasHealth,
  instanceSample,
  instanceView,
  lookView,
  registryView,
  type ShadowOf,
  serviceView,
  writeRowView,
} from './views.ts';

export interface BoardDeps {
  readonly clock: Clock;
  readonly version: string;
  /** In the order of the configuration. */
  readonly registries: readonly RegistryInfo[];
  /** Kind of the probe of a check. */
  readonly kindOf: (check: string) => string;
  /** Name of the shadow rule of a check, where it has one; default nowhere. */
  readonly shadowOf?: ShadowOf;
  /** Where events survive; default nowhere. */
  readonly memory?: Memory;
  /** How far the prober doubts itself; default not at all. */
  readonly localHealth?: () => LocalHealthView;
}

export type RegistryInfo = Pick<RegistryView, 'name' | 'kind' | 'writeMode'>;

/** Lists are in the order of place.ts and start after `after`, which need not exist any more. */
export interface Board {
  /** Never throws, never waits. */
  readonly take: Reporter;
  /** Other registries are configured from now on, in this order. */
  setRegistries(registries: readonly RegistryInfo[]): void;
  summary(): SummaryView;
  instance(id: string): InstanceView | undefined;
  instances(filter: InstanceFilter, after?: InstancePlace): Iterable<InstanceView>;
  services(filter: Filter, after?: ServicePlace): Iterable<ServiceView>;
  service(place: ServicePlace): ServiceView | undefined;
  /** Instances of which something is, was or shall be written. */
  writes(filter: Filter, after?: InstancePlace): Iterable<WriteRowView>;
  /** Newest first, older than the event with the id `before`. */
  events(filter: EventFilter, before?: string): Iterable<Event>;
  samples(): Iterable<InstanceSample>;
  /** The last failures of an instance by check, oldest first. */
  failures(id: string): ReadonlyMap<string, readonly LastLookView[]>;
  /** What changed lately; a look alone is no change. */
  readonly changes: Pick<Changes, 'revision' | 'after'>;
  /** The service with the key of a change. */
  serviceByKey(key: string): ServiceView | undefined;
  /** The event of that id, if it is wanted. */
  event(filter: EventFilter, id: string): Event | undefined;
}

export function createBoard(deps: BoardDeps): Board {
  return new ReportBoard(deps);
}

type Told<K extends Report['kind']> = Extract<Report, { readonly kind: K }>;

class ReportBoard implements Board {
  readonly #deps: BoardDeps;
  readonly #instances = new Map<string, InstanceEntry>();
  readonly #targets = new Map<TargetId, TargetEntry>();
  readonly #services = new Map<string, ServiceEntry<InstanceEntry>>();
  readonly #registries = new Map<string, Told<'registry'>>();
  readonly #events: EventLog;
  readonly changes: Changes;
  readonly #shadowOf: ShadowOf;
  #configured: readonly RegistryInfo[];
  #sorted: readonly ServiceEntry<InstanceEntry>[] | undefined;

  constructor(deps: BoardDeps) {
    this.#deps = deps;
    this.#configured = deps.registries;
    this.#events = new EventLog(deps.memory ?? FORGETFUL, deps.clock.wall());
    this.changes = new Changes(deps.clock.wall());
    this.#shadowOf = deps.shadowOf ?? (() => undefined);
  }

  readonly take = (report: Report): void => {
    switch (report.kind) {
      case 'instance':
        this.#appear(report);
        break;
      case 'departed':
        this.#depart(report.instance);
        break;
      case 'observed': {
        const { observation, verdict, shadow } = report;
        this.#targets.get(observation.target)?.observe(observation, verdict, shadow?.verdict);
        break;
      }
      case 'target-transition': {
        const target = this.#targets.get(report.transition.target);
        if (target === undefined) break;
        target.health = report.transition.to;
        target.reason = report.transition.reason;
        target.since = report.transition.at;
        this.#changed(this.#instances.get(report.instance));
        break;
      }
      case 'health': {
        const entry = this.#instances.get(report.instance);
        if (entry === undefined) break;
        entry.service.setHealth(entry, report.to);
        entry.reason = report.reason;
        entry.since = report.since;
        entry.flags = report.flags;
        this.#changed(entry);
        break;
      }
      case 'desired': {
        const entry = this.#instances.get(report.instance);
        if (entry === undefined) break;
        entry.desired = report.desired;
        entry.contested = report.contested === true;
        entry.service.setHeld(entry, report.held);
        this.#changed(entry);
        break;
      }
      case 'receipt': {
        const entry = this.#instances.get(report.instance);
        if (entry === undefined) break;
        if (report.receipt === 'written' || report.receipt === 'unchanged') entry.written = report.desired;
        entry.receipt = report.receipt;
        entry.contested = report.receipt === 'contested';
        entry.receiptAt = this.#deps.clock.now();
        this.#changed(entry);
        break;
      }
      case 'registry':
        this.#registries.set(report.registry, report);
        break;
      case 'numbers':
      case 'told':
        break;
      case 'event':
        this.changes.mark(
          'event',
          this.#events.add(report.event, this.#placeOf(report.event.subject), this.#deps.clock.wall()),
        );
        break;
      default:
        report satisfies never;
    }
  };

  setRegistries(registries: readonly RegistryInfo[]): void {
    this.#configured = registries;
    for (const name of this.#registries.keys())
      if (!registries.some((one) => one.name === name)) this.#registries.delete(name);
  }

  summary(): SummaryView {
    const instances = { unknown: 0, healthy: 0, 'sub-healthy': 0, dead: 0 };
    let done = 0;
    let total = 0;
    for (const { counts, tallies } of this.#services.values()) {
      for (const health of HEALTHS) instances[health] += counts[health];
      for (const { looked, targets } of tallies.values()) {
        done += looked;
        total += targets;
      }
    }
    const prober = this.#deps.localHealth?.() ?? PROBER_WELL;
    return {
      version: this.#deps.version,
      instances,
      services: this.#services.size,
      targets: total,
      registries: this.#configured.map((info) =>
        registryView(info, this.#registries.get(info.name), this.#services.values(), this.#deps.clock.now()),
      ),
      localHealth: prober.score,
      prober,
      firstRound: { done, total },
    };
  }

  instance(id: string): InstanceView | undefined {
    const entry = this.#instances.get(id);
    return entry === undefined ? undefined : instanceView(entry, this.#shadowOf);
  }

  *instances(filter: InstanceFilter, after?: InstancePlace): Generator<InstanceView> {
    for (const entry of this.#walk(filter, after))
      if (filter.disagree !== true || disagrees(entry)) yield instanceView(entry, this.#shadowOf);
  }

  *services(filter: Filter, after?: ServicePlace): Generator<ServiceView> {
    const told = (service: ServicePlace): boolean =>
      after !== undefined && compareServices(service, after) <= 0;
    for (const entry of this.#walkServices(filter, told)) {
      const { namespace, service } = entry;
      if (!hasHealth(entry, filter.health)) continue;
      if (filter.q === undefined || contains(filter.q, `${namespace}/${service}`)) yield serviceView(entry);
    }
  }

  service(place: ServicePlace): ServiceView | undefined {
    return this.serviceByKey(keyOf(place));
  }

  *writes(filter: Filter, after?: InstancePlace): Generator<WriteRowView> {
    for (const entry of this.#walk(filter, after)) {
      const reported = entry.instance.mark !== undefined;
      if (entry.desired !== null || entry.receipt !== null || reported) yield writeRowView(entry);
    }
  }

  events(filter: EventFilter, before?: string): Iterable<Event> {
    return this.#events.list(filter, before);
  }

  *samples(): Generator<InstanceSample> {
    for (const entry of this.#walk({}, undefined)) yield instanceSample(entry);
  }

  failures(id: string): ReadonlyMap<string, readonly LastLookView[]> {
    const targets = [...(this.#instances.get(id)?.targets.values() ?? [])];
    return new Map(targets.map((target) => [target.check, target.failures.map(lookView)]));
  }

  serviceByKey(key: string): ServiceView | undefined {
    const entry = this.#services.get(key);
    return entry === undefined ? undefined : serviceView(entry);
  }

  event(filter: EventFilter, id: string): Event | undefined {
    return this.#events.one(filter, id);
  }

  #changed(entry: InstanceEntry | undefined): void {
    if (entry === undefined) return;
    this.changes.mark('instance', entry.instance.id);
    this.changes.mark('service', keyOf(entry.service));
  }

  #appear({ instance, targets, writeMode, written = null }: Told<'instance'>): void {
    let entry = this.#instances.get(instance.id);
    if (entry === undefined) {
      entry = this.#enter(instance, targets);
      entry.written = written;
    } else {
      const { host, port } = entry.instance;
      entry.instance = instance;
      if (host !== instance.host || port !== instance.port) entry.service.reorder();
    }
    entry.mode = writeMode;
    const wanted = new Set(targets.map(({ id }) => id));
    for (const id of [...entry.targets.keys()]) if (!wanted.has(id)) this.#dropTarget(entry, id);
    for (const target of targets) {
      const kind = this.#deps.kindOf(target.check);
      if (entry.targets.get(target.id)?.kind === kind) continue;
      this.#dropTarget(entry, target.id);
      const tally = entry.service.tally(target.check, kind);
      const added = new TargetEntry(target, kind, this.#seededSince(instance, target.seed.health), tally);
      entry.targets.set(target.id, added);
      this.#targets.set(target.id, added);
    }
    this.#changed(entry);
  }

  /** Until its health is reported it is what its targets are seeded with. */
  #enter(instance: Told<'instance'>['instance'], targets: Told<'instance'>['targets']): InstanceEntry {
    const key = keyOf(instance);
    let service = this.#services.get(key);
    if (service === undefined) {
      service = new ServiceEntry(instance);
      this.#services.set(key, service);
      this.#sorted = undefined;
    }
    const { health, reason } = targets[0]?.seed ?? { health: 'unknown', reason: 'no-evidence' };
    const entry: InstanceEntry = {
      instance,
      service,
      targets: new Map(),
      health,
      reason,
      since: this.#seededSince(instance, health),
      flags: [],
      mode: 'observe',
      desired: null,
      held: null,
      written: null,
      contested: false,
      receipt: null,
      receiptAt: null,
    };
    this.#instances.set(instance.id, entry);
    service.add(entry);
    return entry;
  }

  #depart(id: InstanceId): void {
    const entry = this.#instances.get(id);
    if (entry === undefined) return;
    for (const target of [...entry.targets.keys()]) this.#dropTarget(entry, target);
    this.#instances.delete(id);
    entry.service.remove(entry);
    this.#changed(entry);
    if (entry.service.size > 0) return;
    this.#services.delete(keyOf(entry.service));
    this.#sorted = undefined;
  }

  #dropTarget(entry: InstanceEntry, id: TargetId): void {
    const target = entry.targets.get(id);
    if (target === undefined) return;
    target.leave();
    entry.service.dropTally(target.check, target.tally);
    entry.targets.delete(id);
    this.#targets.delete(id);
  }

  /** A health that comes from our own mark holds since the mark says so. */
  #seededSince({ mark }: InstanceEntry['instance'], health: Health): number {
    const since = health === 'unknown' || mark === undefined ? undefined : parseIsoTime(mark.since);
    return since ?? this.#deps.clock.now();
  }

  #placeOf(subject: string): Partial<ServicePlace> {
    const entry = this.#instances.get(subject);
    if (entry !== undefined) return entry.service;
    return this.#configured.some(({ name }) => name === subject) ? { registry: subject } : {};
  }

  *#walkServices(
    filter: Filter,
    early: (service: ServicePlace) => boolean,
  ): Generator<ServiceEntry<InstanceEntry>> {
    this.#sorted ??= [...this.#services.values()].sort(compareServices);
    for (const service of this.#sorted.slice(countEarly(this.#sorted, early))) {
      if (wantsService(filter, service)) yield service;
    }
  }

  *#walk(filter: Filter, after: InstancePlace | undefined): Generator<InstanceEntry> {
    const early = (service: ServicePlace): boolean =>
      after !== undefined && compareServices(service, after) < 0;
    const told = ({ instance }: InstanceEntry): boolean =>
      after !== undefined && compareInstances(instance, after) <= 0;
    for (const { members } of this.#walkServices(filter, early)) {
      for (const entry of members.slice(countEarly(members, told))) {
        if (wantsInstance(filter, entry.instance, entry.health)) yield entry;
      }
    }
  }
}

function keyOf({ registry, namespace, service }: ServicePlace): string {
  return JSON.stringify([registry, namespace, service]);
}
