/** Which checks apply to which instance. Pure. */

import type { Check, Match } from '../core/check.ts';
import type { Instance } from '../core/instance.ts';
import type { Seed } from '../core/seed.ts';
import type { Target, TargetId } from '../core/target.ts';
import { globListMatches } from '../lib/glob.ts';
import { hashId } from '../lib/hash.ts';

export function matches(
  match: Match,
  place: Pick<Instance, 'registry' | 'namespace' | 'service'> & Partial<Pick<Instance, 'metadata'>>,
): boolean {
  if (match.registry !== undefined && !globListMatches(match.registry, place.registry)) return false;
  if (match.namespace !== undefined && !globListMatches(match.namespace, place.namespace)) return false;
  if (match.service !== undefined && !globListMatches(match.service, place.service)) return false;
  for (const [key, patterns] of Object.entries(match.metadata ?? {})) {
    const value = place.metadata?.[key];
    if (value === undefined || !globListMatches(patterns, value)) return false;
  }
  return true;
}

export function targetsOf(
  checks: readonly Check[],
  instance: Instance,
  seedOf: (id: TargetId, check: Check) => Seed,
): readonly Target[] {
  return checks
    .filter((check) => matches(check.match, instance))
    .map((check) => {
      const id = hashId(instance.id, check.name) as TargetId;
      return { id, check: check.name, instance, seed: seedOf(id, check) };
    });
}
