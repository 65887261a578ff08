/** Whether the anchors of local health are reached, and are enough of them. */

import type { Config } from '../../config/config.ts';
import { anchorLook } from '../anchor-look.ts';
import { SILENT } from '../list-registry.ts';
import { systemClock } from '../system-clock.ts';
import { type Finding, ok, warning } from './finding.ts';

/** Of fewer, one that is restarted takes all with it. */
const ENOUGH = 3;

/** Looks at each once, all at the same time; nothing where there are none. */
export async function examineAnchors(
  { localHealth: { anchors } }: Config,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (anchors.length === 0) return [];
  await using scope = new AsyncDisposableStack();
  const look = anchorLook(systemClock, SILENT, scope);
  const findings = await Promise.all(
    anchors.map(async (anchor): Promise<Finding> => {
      const started = systemClock.now();
      const outcome = await look(anchor, signal);
      const took = Math.round(systemClock.now() - started);
      if (outcome.kind === 'pass' || (outcome.kind === 'fail' && outcome.reached))
        return ok(`${anchor} was reached in ${took} ms`);
      return warning(
        `${anchor} was not reached: ${outcome.detail}`,
        'while most of them are not, nothing that this prober sees fail counts',
      );
    }),
  );
  if (anchors.length >= ENOUGH) return findings;
  const few = `there ${anchors.length === 1 ? 'is 1' : `are ${anchors.length}`}`;
  return [...findings, warning(few, `name ${ENOUGH} that do not fail together: one may be restarted`)];
}
