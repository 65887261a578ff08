/** The public read model's lists: what `/v1/services` and `/v1/writes` show, and how a page of any list looks. */

import type { Health } from './health.ts';
import type { WriteView } from './view.ts';

/** One page; `nextCursor` is opaque, null on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface ServiceView {
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly instances: Readonly<Record<Health, number>>;
  /** Instances whose write the guard holds back, by why. */
  readonly held: Readonly<Record<string, number>>;
  readonly checks: readonly ServiceCheckView[];
}

/** One check over all instances of a service. */
interface ServiceCheckView {
  readonly name: string;
  readonly kind: string;
  readonly targets: number;
  /** Outcomes in the windows of its targets now. */
  readonly passed: number;
  readonly total: number;
  /** passed / total, null while nothing counted. */
  readonly rate: number | null;
}

/** Where the write-back of one instance stands. */
export interface WriteRowView extends WriteView {
  /** Of the instance. */
  readonly id: string;
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly host: string;
  readonly port: number;
}
