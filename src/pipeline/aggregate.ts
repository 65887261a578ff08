/** The health of an instance from the verdicts of its targets: as bad as the worst. Pure. */

import type { Reason } from '../core/cause.ts';
import { HEALTHS, type Health } from '../core/health.ts';
import type { TargetId } from '../core/target.ts';

export interface Judged {
  readonly target: TargetId;
  readonly health: Health;
  readonly reason: Reason;
}

export interface Aggregate {
  readonly health: Health;
  readonly reason: Reason;
  /** Who decided; null without targets. */
  readonly target: TargetId | null;
}

const NONE: Aggregate = { health: 'unknown', reason: 'no-evidence', target: null };

/**
 * The worst wins; `unknown` only when nothing else is known. Among equals the one that decided before stays, so that the
 * reason does not wander.
 */
export function aggregate(judged: readonly Judged[], before: TargetId | null): Aggregate {
  let worst: Aggregate = NONE;
  for (const { target, health, reason } of judged) {
    const rank = HEALTHS.indexOf(health);
    const best = worst.target === null ? -1 : HEALTHS.indexOf(worst.health);
    if (rank > best || (rank === best && target === before)) worst = { health, reason, target };
  }
  return worst;
}
