/**
 * What an HAProxy agent check is answered: words on one line, as HAProxy's configuration manual says under `agent-check`.
 * Pure.
 */

import type { HaproxyAgentConfig } from '../core/consumer.ts';
import type { Said } from './directory.ts';

/** Characters of a reason that HAProxy shows; no control characters, which would end the line. */
const MOST_REASON = 80;

/**
 * The words, or undefined where nothing is known yet: an agent that says nothing leaves the server as it was. The weight is a
 * share of the one in HAProxy's configuration. `ready` is said only where `drain` may have been: it would undo the maintenance
 * that an operator asked HAProxy for.
 */
export function agentAnswer(
  { instance, told }: Said,
  { dead, subHealthyWeight }: Pick<HaproxyAgentConfig, 'dead' | 'subHealthyWeight'>,
): string | undefined {
  const up = dead === 'drain' ? 'ready up' : 'up';
  if (!instance.enabled) return 'down #disabled in the registry\n';
  if (instance.draining) return `${up} 0%\n`;
  if (told === null) return undefined;
  if (told.kind === 'release') return `${up} 100%\n`;
  switch (told.health) {
    case 'healthy':
      return `${up} 100%\n`;
    case 'sub-healthy':
      // A weight of 0 would be no traffic at all, and that is what dead means.
      return `${up} ${Math.max(1, Math.round(subHealthyWeight * 100))}%\n`;
    case 'dead':
      return `${dead} #${told.reason.replace(/[^\x20-\x7e]/g, '').slice(0, MOST_REASON)}\n`;
    default:
      return told.health satisfies never;
  }
}
