/** The state of one gray target under each rule, for the picture: 5xx on half of the looks for ten minutes. */

import { EQUAL_BUDGET, PEERS } from '../peers/peers.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { Fleet } from '../sonde/fleet.ts';
import { ANSWERED, Chances, ERROR, type World } from '../world/world.ts';
import { INTERVAL, TIMEOUT } from './quiet.ts';

export const TIMELINE = { from: 400_000, ill: 460_000, well: 1_060_000, until: 1_240_000 };
const SHARE = 0.5;
/** As numbers, since results are numbers. */
export const STATES = ['healthy', 'sub-healthy', 'dead'] as const;
const NUMBERS: Readonly<Record<string, number>> = { healthy: 0, 'sub-healthy': 1, dead: 2 };

/** Changes as `at, state, at, state, ...` by rule. */
export function timeline(seed: number): Result {
  const chances = new Chances(seed, 'timeline');
  const world: World = {
    look(target, vantage, at) {
      const ill = target === 0 && at >= TIMELINE.ill && at < TIMELINE.well;
      return ill && chances.errs(target, vantage, at, SHARE) ? ERROR : ANSWERED;
    },
  };
  const samples: Record<string, number[]> = { sonde: [] };
  const fleet = new Fleet({
    world,
    vantages: 1,
    interval: INTERVAL,
    timeout: TIMEOUT,
    service: () => 's',
    turned: (target, { at, to }) => {
      if (target === 0) samples.sonde?.push(at, NUMBERS[to] ?? 0);
    },
  });
  for (let target = 0; target < 6; target++) fleet.add(target);
  fleet.clock.run(TIMELINE.until);
  for (const rule of PEERS) {
    const list: number[] = [];
    const watched = { rule, interval: EQUAL_BUDGET, world, target: 0, vantage: 0, from: 0, phase: 1_700 };
    watch({
      ...watched,
      until: TIMELINE.until,
      timeout: TIMEOUT,
      turned: (up, at) => list.push(at, up ? 0 : 2),
    });
    samples[rule.id] = list;
  }
  return result({ samples });
}
