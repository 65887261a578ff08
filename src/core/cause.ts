/** The closed lists of causes of outcomes and reasons of healths (DESIGN 3.5). */

/** The target was not reached: evidence for dead. */
export const NOT_REACHED_CAUSES = [
  'connect-refused',
  'connect-timeout',
  'connect-unreachable',
  'connect-reset',
  'dns-no-such-name',
] as const;

/** The target was reached and did not serve well: evidence for sub-healthy. */
const REACHED_CAUSES = [
  'tls-handshake',
  'tls-expired',
  'request-timeout',
  'response-reset',
  'protocol',
  'status',
  'expectation',
  'script-exit',
  'script-timeout',
  'slow',
] as const;

/** Faults of our own: the outcome is a skip and never counts. */
export const OWN_CAUSES = [
  'prober-overload',
  'prober-limit',
  'prober-network',
  'dns-no-answer',
  'address-refused',
  'script-missing',
  'script-unknown',
  'plugin-error',
] as const;

export const FAILURE_CAUSES = [...NOT_REACHED_CAUSES, ...REACHED_CAUSES] as const;

/** What made a health, beside the causes of failures. */
export const HEALTH_REASONS = [
  'not-serving',
  'low-success-rate',
  'dependency-suspected',
  'flapping',
  'recovered',
  'passing',
  'no-evidence',
] as const;

type NotReachedCause = (typeof NOT_REACHED_CAUSES)[number];
type ReachedCause = (typeof REACHED_CAUSES)[number];
export type FailureCause = NotReachedCause | ReachedCause;
export type OwnCause = (typeof OWN_CAUSES)[number];
export type Cause = FailureCause | OwnCause;
export type Reason = FailureCause | (typeof HEALTH_REASONS)[number];
