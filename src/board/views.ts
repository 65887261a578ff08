/** From what the board remembers to what is shown. Pure. */

import { HEALTHS } from '../core/health.ts';
import type { ServiceView, WriteRowView } from '../core/list-view.ts';
import type { Report } from '../core/report.ts';
import type { InstanceSample } from '../core/sample.ts';
import type { CheckView, InstanceView, LastLookView, RegistryView, WriteView } from '../core/view.ts';
import { isoTime } from '../lib/iso-time.ts';
import type { InstanceEntry } from './instance-entry.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { Look, TargetEntry } from './target-entry.ts';

/** Name of the shadow rule of a check. */
export type ShadowOf = (check: string) => string | undefined;

export function instanceView(entry: InstanceEntry, shadowOf: ShadowOf): InstanceView {
  const { id, registry, namespace, service, host, port, metadata } = entry.instance;
  const { health, flags, reason } = entry;
  return {
    id,
    registry,
    namespace,
    service,
    host,
    port,
    metadata,
    health,
    flags,
    since: isoTime(entry.since),
    reason,
    checks: [...entry.targets.values()].map((target) => checkView(target, shadowOf)),
    write: writeView(entry),
  };
}

function checkView(target: TargetEntry, shadowOf: ShadowOf): CheckView {
  const { health, reason, numbers, last, shadow } = target;
  const sorted = target.latencies.toSorted((a, b) => a - b);
  return {
    name: target.check,
    kind: target.kind,
    health,
    reason,
    since: isoTime(target.since),
    rate: numbers?.rate ?? null,
    reach: numbers?.reach ?? null,
    passed: numbers?.passed ?? 0,
    total: numbers?.total ?? 0,
    windowStart: isoTimeOrNull(numbers?.windowStart ?? null),
    latency: { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) },
    last: last === null ? null : lookView(last),
    ...(shadow === null
      ? {}
      : { shadow: { rule: shadowOf(target.check) ?? '', health: shadow.health, reason: shadow.reason } }),
  };
}

export function lookView(look: Look): LastLookView {
  return { ...look, at: isoTime(look.at), duration: microseconds(look.duration) };
}

function writeView(entry: InstanceEntry): WriteView {
  const { mode, desired, written, held, contested } = entry;
  const receipt: WriteView['receipt'] = contested
    ? 'contested'
    : entry.receipt === 'contested'
      ? null
      : entry.receipt;
  const { mark, served } = entry.instance;
  const reported = mark?.health ?? null;
  const view = { mode, desired, written, reported, receipt, at: isoTimeOrNull(entry.receiptAt), held };
  return served === undefined ? view : { ...view, served };
}

export function writeRowView(entry: InstanceEntry): WriteRowView {
  const { id, registry, namespace, service, host, port } = entry.instance;
  return { id, registry, namespace, service, host, port, ...writeView(entry) };
}

export function serviceView(entry: ServiceEntry<InstanceEntry>): ServiceView {
  const { registry, namespace, service, counts, held, tallies } = entry;
  return {
    registry,
    namespace,
    service,
    instances: { ...counts },
    held: Object.fromEntries(held),
    checks: [...tallies].map(([name, { kind, targets, passed, total }]) => ({
      name,
      kind,
      targets,
      passed,
      total,
      rate: total === 0 ? null : passed / total,
    })),
  };
}

/** `told` is what was last said of it; `services` may be those of all registries. */
export function registryView(
  { name, kind, writeMode }: Pick<RegistryView, 'name' | 'kind' | 'writeMode'>,
  told: Extract<Report, { readonly kind: 'registry' }> | undefined,
  services: Iterable<ServiceEntry<InstanceEntry>>,
  now: number,
): RegistryView {
  const syncedAt = told?.syncedAt ?? null;
  let instances = 0;
  let held = 0;
  for (const service of services) {
    if (service.registry !== name) continue;
    instances += service.size;
    for (const count of service.held.values()) held += count;
  }
  return {
    name,
    kind,
    up: told?.up ?? false,
    snapshotAge: syncedAt === null ? null : Math.max(0, now - syncedAt) / 1_000,
    instances,
    writeMode,
    pendingWrites: told?.pendingWrites ?? 0,
    held,
    notices: told?.notices ?? [],
  };
}

export function disagrees({ targets }: InstanceEntry): boolean {
  return [...targets.values()].some(({ shadow, health }) => shadow !== null && shadow.health !== health);
}

export function instanceSample({ instance, health, targets }: InstanceEntry): InstanceSample {
  const { registry, namespace, service, host, port } = instance;
  const checks = [...targets.values()].map(({ check, counted, numbers }) => ({
    name: check,
    look: counted === null ? null : { passed: counted.outcome === 'pass', duration: counted.duration },
    rate: numbers?.rate ?? null,
  }));
  return { registry, namespace, service, host, port, health, checks };
}

export function hasHealth(
  entry: ServiceEntry<InstanceEntry>,
  healths: readonly string[] | undefined,
): boolean {
  return (
    healths === undefined || HEALTHS.some((health) => healths.includes(health) && entry.counts[health] > 0)
  );
}

/** Nearest rank: the smallest value that at least the share `q` of all does not exceed. */
function quantile(sorted: readonly number[], q: number): number | null {
  const value = sorted[Math.ceil(q * sorted.length) - 1];
  return value === undefined ? null : microseconds(value);
}

/** Milliseconds with three places: finer ones are noise. */
function microseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

function isoTimeOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
