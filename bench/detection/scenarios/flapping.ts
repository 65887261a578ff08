/** S09: a target that is a black hole for half of every period, for two hours. */

import { intervalOf, type Mode, PEERS } from '../peers/peers.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { Fleet } from '../sonde/fleet.ts';
import { CHANNEL, chance, streamOf } from '../world/random.ts';
import { ANSWERED, Chances, lost, type World } from '../world/world.ts';
import { INTERVAL, TIMEOUT } from './quiet.ts';

export interface FlapParams {
  /** Milliseconds. */
  readonly period: number;
  readonly vantages: number;
  readonly trials: number;
}

const LOSS = 0.01;
const WARM_UP = 300_000;
const LASTS = 7_200_000;
/** Of so many one flaps; the others are its peers and those that tell the background loss. */
const SERVICE = 5;

function flappingWorld(seed: number, period: number, flaps: (target: number) => boolean): World {
  const chances = new Chances(seed, `S09/${period}`);
  const draws = streamOf(seed, `S09/${period}`, 0, 0, CHANNEL.start);
  return {
    look(target, vantage, at, timeout) {
      const since = at - WARM_UP - Math.floor(chance(draws, target) * period);
      const down = flaps(target) && since >= 0 && since % period < period / 2;
      return down || chances.loses(target, vantage, at, LOSS) ? lost(timeout) : ANSWERED;
    },
  };
}

export function flapping(seed: number, { period, vantages, trials }: FlapParams): Result {
  const flaps = (target: number): boolean => target % SERVICE === 0;
  const transitions = new Map<number, number>();
  const spent = { healthy: 0, 'sub-healthy': 0, dead: 0, unknown: 0 };
  const last = new Map<number, { health: keyof typeof spent; at: number }>();
  let wrong = 0;
  const leave = (target: number, at: number): void => {
    const { health, at: since } = last.get(target) ?? { health: 'healthy', at: WARM_UP };
    spent[health] += at - Math.max(WARM_UP, since);
  };
  const fleet = new Fleet({
    world: flappingWorld(seed, period, flaps),
    vantages,
    interval: INTERVAL,
    timeout: TIMEOUT,
    service: (target) => `s${Math.floor(target / SERVICE)}`,
    turned: (target, { at, to }) => {
      if (!flaps(target)) wrong++;
      else if (at >= WARM_UP) {
        transitions.set(target, (transitions.get(target) ?? 0) + 1);
        leave(target, at);
        last.set(target, { health: to as keyof typeof spent, at });
      }
    },
  });
  for (let target = 0; target < trials * SERVICE; target++) fleet.add(target);
  fleet.clock.run(WARM_UP + LASTS);
  const hours = LASTS / 3_600_000;
  const perHour: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    perHour.push((transitions.get(trial * SERVICE) ?? 0) / hours);
    leave(trial * SERVICE, WARM_UP + LASTS);
  }
  const shares = { dead: spent.dead / LASTS, subHealthy: spent['sub-healthy'] / LASTS, trials, wrong };
  return result({ samples: { perHour }, sums: shares });
}

export interface PeerFlapParams {
  readonly rule: string;
  readonly mode: Mode;
  readonly period: number;
  readonly trials: number;
}

export function peerFlapping(seed: number, { rule: id, mode, period, trials }: PeerFlapParams): Result {
  const rule = PEERS.find((one) => one.id === id);
  if (rule === undefined) throw new Error(`no rule ${id}`);
  const interval = intervalOf(rule, mode);
  const world = flappingWorld(seed, period, () => true);
  const perHour: number[] = [];
  for (let target = 0; target < trials; target++) {
    let turns = 0;
    watch({
      rule,
      interval,
      world,
      target,
      vantage: 0,
      from: 0,
      until: WARM_UP + LASTS,
      phase: Math.floor(chance(streamOf(seed, 'S09/peer', target, 0, CHANNEL.start), 0) * interval),
      timeout: TIMEOUT,
      turned: (_up, at) => {
        if (at >= WARM_UP) turns++;
      },
    });
    perHour.push((turns * 3_600_000) / LASTS);
  }
  return result({ samples: { perHour }, sums: { trials } });
}
