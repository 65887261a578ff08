/** What `sonde get` needs to know of a list, and cells that lists have in common. */

import { formatAge } from '../lib/age.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import type { Cell, Column } from './table.ts';

export interface ColumnOptions {
  /** `Clock.wall()`. */
  readonly now: number;
  readonly glyphs: boolean;
  readonly wide: boolean;
}

export interface Listing<R> {
  readonly name: string;
  readonly summary: string;
  readonly path: string;
  /** Filters of the list beside registry, namespace, service, health and q. */
  readonly filters: readonly ('disagree' | 'kind')[];
  /** It comes in pages and takes filters. */
  readonly paged: boolean;
  readonly columns: (options: ColumnOptions) => readonly Column<R>[];
  /** By what it can be sorted; each in its natural order, worst, newest or alphabetically first. */
  readonly sorts: Readonly<Record<string, (row: R) => Sortable>>;
  readonly key: (row: R) => string;
  /** Watching tells of a row again when this differs. */
  readonly signature: (row: R) => unknown;
  /** The API tells newest first, a terminal newest last. */
  readonly newestLast: boolean;
  /** Watching tells when a row is gone; events only grow old. */
  readonly departs: boolean;
}

/** Texts and numbers ascend; null comes last. */
export type Sortable = string | number | null;

export const NONE = '-';

export function text<R>(title: string, cell: (row: R) => Cell): Column<R> {
  return { title, cell };
}

export function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return formatHostPort(host, port);
}

export function age(at: string, now: number): string {
  const then = parseIsoTime(at);
  return then === undefined ? NONE : formatAge(now - then);
}

/** The newest first. */
export function byAge(at: string | null): Sortable {
  return at === null ? null : -(parseIsoTime(at) ?? 0);
}

export function least(values: readonly (number | null)[]): number | null {
  return values.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
}

export function most(values: readonly (number | null)[]): number | null {
  return values.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}

/** Rounded down, so that 100% is all of them. */
export function percent(share: number | null): string {
  return share === null ? NONE : `${Math.floor(share * 1_000 + 1e-9) / 10}%`;
}

/** `12ms` or `1.9s`. */
export function millis(value: number | null): string {
  if (value === null) return NONE;
  if (value < 1) return '<1ms';
  return value < 1_000 ? `${Math.round(value)}ms` : `${(value / 1_000).toFixed(1)}s`;
}

export function sorted<R>(rows: readonly R[], by: (row: R) => Sortable): readonly R[] {
  return rows.toSorted((a, b) => compare(by(a), by(b)));
}

function compare(a: Sortable, b: Sortable): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : a > b ? 1 : 0;
}
