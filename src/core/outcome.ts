/** What one look at a target found. */

import type { FailureCause, OwnCause } from './cause.ts';

/** Milliseconds spent in each phase; a phase that did not happen is absent. */
export interface Phases {
  readonly dns?: number;
  readonly connect?: number;
  readonly tls?: number;
  readonly firstByte?: number;
  readonly total?: number;
}

/** What was seen beside the verdict. */
export interface Readings {
  readonly phases?: Phases;
  /** Milliseconds since the epoch at which the peer's certificate expires. */
  readonly certificateExpires?: number;
  readonly status?: number;
}

export type Outcome =
  | { readonly kind: 'pass'; readonly readings?: Readings; readonly detail?: string }
  | {
      readonly kind: 'fail';
      readonly cause: FailureCause;
      /** Whether the target accepted us at all; not reached is evidence for dead. */
      readonly reached: boolean;
      /** One line for people: what was expected and what was seen. */
      readonly detail: string;
      readonly readings?: Readings;
    }
  /** Our own fault, or nothing to say: never counted. */
  | { readonly kind: 'skip'; readonly cause: OwnCause; readonly detail: string };
