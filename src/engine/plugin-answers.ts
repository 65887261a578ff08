/** Decodes what probes and rules answer: a plugin's mistake ends its check, and must get no further than here. */

import { FAILURE_CAUSES, HEALTH_REASONS, OWN_CAUSES } from '../core/cause.ts';
import { HEALTHS } from '../core/health.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Step } from '../core/rule.ts';

/** The lists are closed: causes and reasons become labels of metrics and texts in registries. */
const FAILURES: ReadonlySet<unknown> = new Set(FAILURE_CAUSES);
const OWN: ReadonlySet<unknown> = new Set(OWN_CAUSES);
const REASONS: ReadonlySet<unknown> = new Set([...FAILURE_CAUSES, ...HEALTH_REASONS]);
const KNOWN_HEALTHS: ReadonlySet<unknown> = new Set(HEALTHS);
const CONFIRMATIONS: ReadonlySet<unknown> = new Set([0, 1, 2, 3, 4]);
const CADENCES: ReadonlySet<unknown> = new Set(['normal', 'suspicious', 'dead']);

/** The answer as an outcome, or undefined where it is none. */
export function decodeOutcome(answer: unknown): Outcome | undefined {
  if (!isRecord(answer)) return undefined;
  const { kind, cause, reached, detail } = answer;
  const sound =
    kind === 'pass' ||
    (kind === 'fail' && FAILURES.has(cause) && typeof reached === 'boolean' && typeof detail === 'string') ||
    (kind === 'skip' && OWN.has(cause) && typeof detail === 'string');
  return sound ? (answer as Outcome) : undefined;
}

/** The answer as a step, or undefined where it is none. */
export function decodeStep(answer: unknown): Step<unknown> | undefined {
  if (!isRecord(answer) || !isRecord(answer.verdict)) return undefined;
  const { cadence, confirmations, verdict } = answer;
  const sound =
    (CADENCES.has(cadence) || isWithin(cadence)) &&
    CONFIRMATIONS.has(confirmations) &&
    KNOWN_HEALTHS.has(verdict.health) &&
    REASONS.has(verdict.reason) &&
    isRecord(verdict.numbers);
  return sound ? (answer as unknown as Step<unknown>) : undefined;
}

function isWithin(cadence: unknown): boolean {
  return isRecord(cadence) && typeof cadence.within === 'number' && cadence.within >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
