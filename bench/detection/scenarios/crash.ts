/** S03, S04: a target dies at a random moment, by black hole or by refusing, while the network loses looks. */

import { intervalOf, type Mode, PEERS } from '../peers/peers.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { Fleet } from '../sonde/fleet.ts';
import { shippingRule } from '../sonde/rule.ts';
import { CHANNEL, chance, streamOf } from '../world/random.ts';
import { ANSWERED, Chances, lost, REFUSED, type World } from '../world/world.ts';
import { INTERVAL } from './quiet.ts';

export interface CrashParams {
  readonly vantages: number;
  readonly loss: number;
  readonly how: 'black-hole' | 'refused';
  readonly trials: number;
  readonly timeout?: number;
  readonly interval?: number;
  readonly options?: object;
}

const SIZE = 1_000;
/** Milliseconds: what a target learns of itself before it dies, and how long it may take to be found. */
const WARM_UP = 300_000;
/** Milliseconds within which each place of the fleet sees a death. */
const LIFE = 4_000_000;
const LIMIT = 120_000;

/** A world in which targets die at their time. */
class Mortal implements World {
  readonly diesAt: number[] = [];
  readonly #chances: Chances;
  readonly #loss: number;
  readonly #how: CrashParams['how'];

  constructor(seed: number, { loss, how }: Pick<CrashParams, 'loss' | 'how'>) {
    this.#chances = new Chances(seed, `S03/${loss}`);
    this.#loss = loss;
    this.#how = how;
  }

  look(target: number, vantage: number, at: number, timeout: number) {
    const dead = at >= (this.diesAt[target] ?? Number.POSITIVE_INFINITY);
    if (dead && this.#how === 'black-hole') return lost(timeout);
    if (this.#chances.loses(target, vantage, at, this.#loss)) return lost(timeout);
    return dead ? REFUSED : ANSWERED;
  }
}

/** Deaths are spread: of a thousand targets one dies every few seconds. */
export function crash(seed: number, params: CrashParams): Result {
  const { vantages, trials, timeout = 1_000, interval = INTERVAL, options = {} } = params;
  const world = new Mortal(seed, params);
  const found: number[] = [];
  const flagged: number[] = [];
  const first = new Map<number, number>();
  let next = SIZE;
  let missed = 0;
  let wrong = 0;
  const start = streamOf(seed, 'S03', 0, 0, CHANNEL.start);
  const diesAt = (index: number): number => {
    const now = fleet.clock.now();
    return Math.floor(now + WARM_UP + chance(start, index) * LIFE);
  };
  const replace = (index: number): void => {
    fleet.remove(index);
    const heir = next++;
    world.diesAt[heir] = diesAt(heir);
    fleet.add(heir);
    expire(heir);
  };
  const expire = (index: number): void => {
    fleet.clock.at((world.diesAt[index] ?? 0) + LIMIT, () => {
      if (done.has(index)) return;
      done.add(index);
      missed++;
      replace(index);
    });
  };
  const done = new Set<number>();
  const fleet = new Fleet({
    world,
    vantages,
    interval,
    timeout,
    rule: shippingRule(interval, options),
    service: (index) => `s${index % 15}`,
    turned: (index, { at, to }) => {
      const died = world.diesAt[index] ?? Number.POSITIVE_INFINITY;
      if (at < died) {
        if (to === 'dead') wrong++;
        return;
      }
      if (to !== 'healthy' && !first.has(index)) first.set(index, at);
      if (to !== 'dead' || done.has(index)) return;
      done.add(index);
      found.push((at - died) / 1_000);
      flagged.push(((first.get(index) ?? at) - died) / 1_000);
      // Not while the prober is in the middle of it.
      fleet.clock.at(at, () => replace(index));
    },
  });
  for (let index = 0; index < SIZE; index++) {
    world.diesAt[index] = diesAt(index);
    fleet.add(index);
    expire(index);
  }
  const end = (): boolean => found.length + missed >= trials;
  while (!end()) fleet.clock.run(fleet.clock.now() + 60_000);
  return result({ samples: { found, flagged }, sums: { missed, wrong, trials: found.length + missed } });
}

export interface PeerCrashParams {
  readonly rule: string;
  readonly mode: Mode;
  readonly loss: number;
  readonly how: CrashParams['how'];
  readonly trials: number;
}

/** Detection as Chen, Toueg and Aguilera have it: from the death to when it is suspected for good. */
export function peerCrash(seed: number, { rule: id, mode, loss, how, trials }: PeerCrashParams): Result {
  const rule = PEERS.find((one) => one.id === id);
  if (rule === undefined) throw new Error(`no rule ${id}`);
  const interval = intervalOf(rule, mode);
  const found: number[] = [];
  let missed = 0;
  for (let target = 0; target < trials; target++) {
    const world = new Mortal(seed, { loss, how });
    const draws = streamOf(seed, 'S03/peer', target, 0, CHANNEL.start);
    const died = Math.floor((rule.memory + 2) * interval * (1 + chance(draws, 0)));
    world.diesAt[target] = died;
    const until = died + Math.max(LIMIT, (rule.memory + 2) * interval);
    let downAt: number | undefined;
    watch({
      rule,
      interval,
      world,
      target,
      vantage: 0,
      from: 0,
      until,
      phase: Math.floor(chance(draws, 1) * interval),
      timeout: 1_000,
      turned: (up, at) => {
        downAt = up ? undefined : at;
      },
    });
    if (downAt === undefined) missed++;
    else found.push(Math.max(0, downAt - died) / 1_000);
  }
  return result({ samples: { found }, sums: { missed, trials } });
}
