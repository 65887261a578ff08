/** What `sonde get` lists: where each list comes from, how its rows look, and what counts as a change when watching. */

import type { Event } from '../core/event.ts';
import { HEALTHS, type Health } from '../core/health.ts';
import type { Intervention } from '../core/intervention.ts';
import type { ServiceView, WriteRowView } from '../core/list-view.ts';
import type { InstanceView } from '../core/view.ts';
import { formatAge } from '../lib/age.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { addressOf, age, byAge, type Listing, least, millis, most, NONE, percent, text } from './listing.ts';
import { healthCell } from './look.ts';
import { formatSelector } from './selector.ts';

export const INSTANCES: Listing<InstanceView> = {
  name: 'instances',
  summary: 'instances with their health and why',
  path: '/v1/instances',
  filters: ['disagree'],
  paged: true,
  columns: ({ now, glyphs, wide }) => [
    ...(wide
      ? [text<InstanceView>('ID', ({ id }) => id), text<InstanceView>('REGISTRY', (i) => i.registry)]
      : []),
    text('NAMESPACE', ({ namespace }) => namespace),
    text('SERVICE', ({ service }) => service),
    { title: 'INSTANCE', cell: addressOf, whole: true },
    { title: 'HEALTH', cell: ({ health, flags }) => healthCell(health, flags, glyphs), whole: true },
    text('RATE', (instance) => percent(rateOf(instance))),
    ...(wide ? [text<InstanceView>('P95', (instance) => millis(p95Of(instance)))] : []),
    text('REASON', ({ reason }) => reason),
    text('SINCE', ({ since }) => age(since, now)),
    ...(wide
      ? [
          text<InstanceView>('WRITTEN', ({ write }) => write.written ?? NONE),
          text<InstanceView>('HELD', ({ write }) => write.held ?? NONE),
          text<InstanceView>('CHECKS', ({ checks }) =>
            checks.map(({ name, health }) => `${name}=${health}`).join(','),
          ),
        ]
      : []),
  ],
  sorts: {
    id: ({ id }) => id,
    registry: ({ registry }) => registry,
    namespace: ({ namespace }) => namespace,
    service: ({ service }) => service,
    instance: addressOf,
    health: ({ health }) => severity(health),
    rate: rateOf,
    p95: (instance) => negative(p95Of(instance)),
    reason: ({ reason }) => reason,
    since: ({ since }) => byAge(since),
    written: ({ write }) => write.written,
    held: ({ write }) => write.held,
  },
  key: ({ id }) => id,
  signature: ({ health, flags, reason, write }) => [health, flags, reason, write.written, write.held],
  newestLast: false,
  departs: true,
};

export const SERVICES: Listing<ServiceView> = {
  name: 'services',
  summary: 'services with how many of their instances are well',
  path: '/v1/services',
  filters: [],
  paged: true,
  columns: ({ wide }) => [
    ...(wide ? [text<ServiceView>('REGISTRY', ({ registry }) => registry)] : []),
    text('NAMESPACE', ({ namespace }) => namespace),
    { title: 'SERVICE', cell: ({ service }) => service, whole: true },
    ...(['healthy', 'sub-healthy', 'dead', 'unknown'] as const).map((health) =>
      text<ServiceView>(health.toUpperCase(), ({ instances }) => String(instances[health])),
    ),
    text('HELD', (service) => String(heldOf(service))),
    text('RATE', ({ checks }) => percent(least(checks.map(({ rate }) => rate)))),
    ...(wide ? [text<ServiceView>('CHECKS', ({ checks }) => checks.map(({ name }) => name).join(','))] : []),
  ],
  sorts: {
    registry: ({ registry }) => registry,
    namespace: ({ namespace }) => namespace,
    service: ({ service }) => service,
    ...Object.fromEntries(HEALTHS.map((health) => [health, ({ instances }) => -instances[health]])),
    held: (service) => -heldOf(service),
    rate: ({ checks }) => least(checks.map(({ rate }) => rate)),
  },
  key: ({ registry, namespace, service }) => JSON.stringify([registry, namespace, service]),
  signature: ({ instances, held }) => [HEALTHS.map((health) => instances[health]), held],
  newestLast: false,
  departs: true,
};

export const EVENTS: Listing<Event> = {
  name: 'events',
  summary: 'what happened last, newest at the end',
  path: '/v1/events',
  filters: ['kind'],
  paged: true,
  columns: ({ wide }) => [
    ...(wide ? [text<Event>('ID', ({ id }) => id)] : []),
    { title: 'AT', cell: ({ at }) => (wide ? at : at.slice(11, 19)), whole: true },
    text('KIND', ({ kind }) => kind),
    text('SUBJECT', ({ subject }) => subject),
    text('CHANGE', ({ from, to }) => [from, to].filter((part) => part !== undefined).join(' → ') || NONE),
    text('REASON', ({ reason }) => reason ?? NONE),
    ...(wide ? [text<Event>('BY', ({ by }) => by ?? NONE)] : []),
    text('DETAIL', ({ detail }) => detail ?? NONE),
  ],
  sorts: {
    at: ({ at }) => byAge(at),
    kind: ({ kind }) => kind,
    subject: ({ subject }) => subject,
    reason: ({ reason }) => reason ?? null,
    by: ({ by }) => by ?? null,
  },
  key: ({ id }) => id,
  signature: () => null,
  newestLast: true,
  departs: false,
};

export const WRITES: Listing<WriteRowView> = {
  name: 'writes',
  summary: 'what is, was or shall be written to registries',
  path: '/v1/writes',
  filters: [],
  paged: true,
  columns: ({ now, wide }) => [
    ...(wide
      ? [text<WriteRowView>('ID', ({ id }) => id), text<WriteRowView>('REGISTRY', (w) => w.registry)]
      : []),
    text('NAMESPACE', ({ namespace }) => namespace),
    text('SERVICE', ({ service }) => service),
    { title: 'INSTANCE', cell: addressOf, whole: true },
    ...(wide ? [text<WriteRowView>('MODE', ({ mode }) => mode)] : []),
    text('DESIRED', ({ desired }) => desired ?? NONE),
    text('WRITTEN', ({ written }) => written ?? NONE),
    ...(wide ? [text<WriteRowView>('REPORTED', ({ reported }) => reported ?? NONE)] : []),
    text('RECEIPT', ({ receipt }) => receipt ?? NONE),
    text('HELD', ({ held }) => held ?? NONE),
    text('AGE', ({ at }) => (at === null ? NONE : age(at, now))),
  ],
  sorts: {
    id: ({ id }) => id,
    registry: ({ registry }) => registry,
    namespace: ({ namespace }) => namespace,
    service: ({ service }) => service,
    instance: addressOf,
    mode: ({ mode }) => mode,
    desired: ({ desired }) => desired,
    written: ({ written }) => written,
    receipt: ({ receipt }) => receipt,
    held: ({ held }) => held,
    age: ({ at }) => byAge(at),
  },
  key: ({ id }) => id,
  signature: ({ mode, desired, written, reported, receipt, at, held }) => [
    mode,
    desired,
    written,
    reported,
    receipt,
    at,
    held,
  ],
  newestLast: false,
  departs: true,
};

export const INTERVENTIONS: Listing<Intervention> = {
  name: 'interventions',
  summary: 'what operators laid upon instances: pauses, holds, releases',
  path: '/v1/interventions',
  filters: [],
  paged: false,
  columns: ({ now, wide }) => [
    { title: 'ID', cell: ({ id }) => id, whole: true },
    text('KIND', ({ kind }) => kind),
    text('SELECTOR', ({ selector }) => formatSelector(selector)),
    text('INSTANCES', ({ instances }) => String(instances)),
    text('LEFT', ({ until }) =>
      until === null ? 'until lifted' : formatAge((parseIsoTime(until) ?? 0) - now),
    ),
    ...(wide
      ? [text<Intervention>('AT', ({ at }) => at), text<Intervention>('UNTIL', (i) => i.until ?? NONE)]
      : []),
    text('BY', ({ by }) => by),
    text('REASON', ({ reason }) => reason),
  ],
  sorts: {
    id: ({ id }) => id,
    kind: ({ kind }) => kind,
    selector: ({ selector }) => formatSelector(selector),
    instances: ({ instances }) => -instances,
    left: ({ until }) => (until === null ? null : (parseIsoTime(until) ?? 0)),
    at: ({ at }) => byAge(at),
    by: ({ by }) => by,
  },
  key: ({ id }) => id,
  signature: ({ instances, until }) => [instances, until],
  newestLast: false,
  departs: true,
};

function rateOf({ checks }: InstanceView): number | null {
  return least(checks.map(({ rate }) => rate));
}

function p95Of({ checks }: InstanceView): number | null {
  return most(checks.map(({ latency }) => latency.p95));
}

function negative(value: number | null): number | null {
  return value === null ? null : -value;
}

function heldOf({ held }: ServiceView): number {
  return Object.values(held).reduce((sum, count) => sum + count, 0);
}

/** The worst first, unknown between what is ill and what is well. */
function severity(health: Health): number {
  return ['dead', 'sub-healthy', 'unknown', 'healthy'].indexOf(health);
}
