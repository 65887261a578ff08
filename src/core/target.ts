/** One check applied to one instance: the unit of scheduling and judging. Plain data. */

import type { Instance } from './instance.ts';
import type { Seed } from './seed.ts';

declare const brand: unique symbol;

/** Opaque; a function of instance id and check name. */
export type TargetId = string & { readonly [brand]: 'TargetId' };

export interface Target {
  readonly id: TargetId;
  /** Name of the check. */
  readonly check: string;
  readonly instance: Instance;
  readonly seed: Seed;
}
