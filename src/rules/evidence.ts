/** What an observation is worth to a rule: passed, slow, reached without serving, not reached, or nothing. Pure. */

import type { FailureCause } from '../core/cause.ts';
import type { Observation } from '../core/observation.ts';

/** From best to worst; the numbers are stored in rule states. */
export const PASSED = 0;
export const SLOW = 1;
const FAILED = 2;
export const NOT_REACHED = 3;
export type Evidence = typeof PASSED | typeof SLOW | typeof FAILED | typeof NOT_REACHED;

export interface EvidenceRules {
  /** Milliseconds above which a pass does not count as one; undefined: never. */
  readonly slowOver?: number | undefined;
}

/** The evidence and its cause, or undefined for a skip. */
export function evidenceOf(
  observation: Observation,
  rules: EvidenceRules,
): { readonly evidence: Evidence; readonly cause: FailureCause | undefined } | undefined {
  const { outcome, duration } = observation;
  switch (outcome.kind) {
    case 'pass':
      return rules.slowOver !== undefined && duration > rules.slowOver
        ? { evidence: SLOW, cause: 'slow' }
        : { evidence: PASSED, cause: undefined };
    case 'fail':
      return { evidence: outcome.reached ? FAILED : NOT_REACHED, cause: outcome.cause };
    case 'skip':
      return undefined;
    default:
      return outcome satisfies never;
  }
}
