/** What the policies say of an instance. Pure. */

import type { Match } from '../core/check.ts';
import type { Instance } from '../core/instance.ts';
import type { WriteMode } from '../core/view.ts';
import { matches } from './match.ts';
import { stricterMode } from './reconcile.ts';

export interface Policy {
  readonly match: Match;
  readonly maxUnavailable?: number;
  readonly mode?: WriteMode;
}

export interface Ruling {
  readonly mode: WriteMode;
  /** Share of the service. */
  readonly maxUnavailable: number;
}

const MAX_UNAVAILABLE = 0.5;

/** The last policy that matches wins, key by key; none makes the write mode laxer than the registry's. */
export function rulingFor(policies: readonly Policy[], registryMode: WriteMode, instance: Instance): Ruling {
  let maxUnavailable = MAX_UNAVAILABLE;
  let mode: WriteMode | undefined;
  for (const policy of policies) {
    if (!matches(policy.match, instance)) continue;
    maxUnavailable = policy.maxUnavailable ?? maxUnavailable;
    mode = policy.mode ?? mode;
  }
  return { mode: stricterMode(registryMode, mode), maxUnavailable };
}
