/** All rules of other systems. */

import { AVERAGES } from './averages.ts';
import { CONSECUTIVE } from './consecutive.ts';
import { ESM } from './esm.ts';
import type { PeerRule } from './peer.ts';
import { QUORUM_RULES } from './quorum.ts';
import { WINDOWS } from './windows.ts';

/** Milliseconds between looks at a target where all rules have the same budget. */
export const EQUAL_BUDGET = 5_000;

export const PEERS: readonly PeerRule[] = [...CONSECUTIVE, ...ESM, ...WINDOWS, ...AVERAGES, ...QUORUM_RULES];

export const MODES = ['shipped', 'equal-budget'] as const;
export type Mode = (typeof MODES)[number];

export function intervalOf(rule: PeerRule, mode: Mode): number {
  return mode === 'shipped' ? rule.interval : EQUAL_BUDGET;
}
