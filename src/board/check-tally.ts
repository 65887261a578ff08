/** Sums over the targets of one check in one service. */

export interface CheckTally {
  readonly kind: string;
  targets: number;
  /** Targets with at least one observation. */
  looked: number;
  passed: number;
  total: number;
}
