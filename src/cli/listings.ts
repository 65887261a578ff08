/** What `sonde get` lists: where each list comes from, how its rows look, and what counts as a change when watching. */

import type { Event } from '../core/event.ts';
import { HEALTHS } from '../core/health.ts';
import type { ServiceView, WriteRowView } from '../core/list-view.ts';
import type { InstanceView } from '../core/view.ts';
import { formatAge } from '../lib/age.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { healthCell } from './look.ts';
import type { Cell, Column } from './table.ts';

interface ColumnOptions {
  /** `Clock.wall()`. */
  readonly now: number;
  readonly glyphs: boolean;
  readonly wide: boolean;
}

export interface Listing<R> {
  readonly name: string;
  readonly summary: string;
  readonly path: string;
  readonly columns: (options: ColumnOptions) => readonly Column<R>[];
  readonly key: (row: R) => string;
  /** Watching tells of a row again when this differs. */
  readonly signature: (row: R) => unknown;
  /** The API tells newest first, a terminal newest last. */
  readonly newestLast: boolean;
  /** Watching tells when a row is gone; events only grow old. */
  readonly departs: boolean;
}

const NONE = '-';

export const INSTANCES: Listing<InstanceView> = {
  name: 'instances',
  summary: 'instances with their health and why',
  path: '/v1/instances',
  columns: ({ now, glyphs, wide }) => [
    ...(wide
      ? [text<InstanceView>('ID', ({ id }) => id), text<InstanceView>('REGISTRY', (i) => i.registry)]
      : []),
    text('NAMESPACE', ({ namespace }) => namespace),
    text('SERVICE', ({ service }) => service),
    { title: 'INSTANCE', cell: addressOf, whole: true },
    { title: 'HEALTH', cell: ({ health, flags }) => healthCell(health, flags, glyphs), whole: true },
    text('RATE', ({ checks }) => percent(least(checks.map(({ rate }) => rate)))),
    ...(wide
      ? [text<InstanceView>('P95', ({ checks }) => millis(checks.map(({ latency }) => latency.p95)))]
      : []),
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
  key: ({ id }) => id,
  signature: ({ health, flags, reason, write }) => [health, flags, reason, write.written, write.held],
  newestLast: false,
  departs: true,
};

export const SERVICES: Listing<ServiceView> = {
  name: 'services',
  summary: 'services with how many of their instances are well',
  path: '/v1/services',
  columns: ({ wide }) => [
    ...(wide ? [text<ServiceView>('REGISTRY', ({ registry }) => registry)] : []),
    text('NAMESPACE', ({ namespace }) => namespace),
    { title: 'SERVICE', cell: ({ service }) => service, whole: true },
    ...(['healthy', 'sub-healthy', 'dead', 'unknown'] as const).map((health) =>
      text<ServiceView>(health.toUpperCase(), ({ instances }) => String(instances[health])),
    ),
    text('HELD', ({ held }) => String(Object.values(held).reduce((sum, count) => sum + count, 0))),
    text('RATE', ({ checks }) => percent(least(checks.map(({ rate }) => rate)))),
    ...(wide ? [text<ServiceView>('CHECKS', ({ checks }) => checks.map(({ name }) => name).join(','))] : []),
  ],
  key: ({ registry, namespace, service }) => JSON.stringify([registry, namespace, service]),
  signature: ({ instances, held }) => [HEALTHS.map((health) => instances[health]), held],
  newestLast: false,
  departs: true,
};

export const EVENTS: Listing<Event> = {
  name: 'events',
  summary: 'what happened last, newest at the end',
  path: '/v1/events',
  columns: ({ wide }) => [
    ...(wide ? [text<Event>('ID', ({ id }) => id)] : []),
    { title: 'AT', cell: ({ at }) => (wide ? at : at.slice(11, 19)), whole: true },
    text('KIND', ({ kind }) => kind),
    text('SUBJECT', ({ subject }) => subject),
    text('CHANGE', ({ from, to }) => [from, to].filter((part) => part !== undefined).join(' → ') || NONE),
    text('REASON', ({ reason }) => reason ?? NONE),
    text('DETAIL', ({ detail }) => detail ?? NONE),
  ],
  key: ({ id }) => id,
  signature: () => null,
  newestLast: true,
  departs: false,
};

export const WRITES: Listing<WriteRowView> = {
  name: 'writes',
  summary: 'what is, was or shall be written to registries',
  path: '/v1/writes',
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

function text<R>(title: string, cell: (row: R) => Cell): Column<R> {
  return { title, cell };
}

function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return formatHostPort(host, port);
}

function age(at: string, now: number): string {
  const then = parseIsoTime(at);
  return then === undefined ? NONE : formatAge(now - then);
}

function least(values: readonly (number | null)[]): number | null {
  return values.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
}

/** Rounded down, so that 100% is all of them. */
function percent(share: number | null): string {
  return share === null ? NONE : `${Math.floor(share * 1_000 + 1e-9) / 10}%`;
}

/** The greatest, as `12ms` or `1.9s`. */
function millis(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return NONE;
  const most = Math.max(...known);
  return most < 1_000 ? `${Math.round(most)}ms` : `${(most / 1_000).toFixed(1)}s`;
}
