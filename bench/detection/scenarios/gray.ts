/** S05, S06: a target that answers, but with errors, or accepts and then says nothing, on a share of the looks for half an hour. */

import { intervalOf, type Mode, PEERS } from '../peers/peers.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { Fleet, type Turn } from '../sonde/fleet.ts';
import { CHANNEL, chance, streamOf } from '../world/random.ts';
import { ANSWERED, Chances, ERROR, hang, lost, type World } from '../world/world.ts';
import { INTERVAL, TIMEOUT } from './quiet.ts';

export interface GrayParams {
  readonly vantages: number;
  /** Of the looks. */
  readonly share: number;
  readonly how: 'status' | 'hang';
  readonly trials: number;
  /** Peers that serve beside each ill target; 0: nobody does. */
  readonly peers: number;
}

const LOSS = 0.01;
const WARM_UP = 300_000;
const LASTS = 1_800_000;

class Gray implements World {
  readonly #chances: Chances;
  readonly #params: Pick<GrayParams, 'share' | 'how'>;
  readonly #since: (target: number) => number;

  constructor(seed: number, params: Pick<GrayParams, 'share' | 'how'>, since: (target: number) => number) {
    this.#chances = new Chances(seed, 'S05');
    this.#params = params;
    this.#since = since;
  }

  look(target: number, vantage: number, at: number, timeout: number) {
    if (this.#chances.loses(target, vantage, at, LOSS)) return lost(timeout);
    const { share, how } = this.#params;
    if (at < this.#since(target) || !this.#chances.errs(target, vantage, at, share)) return ANSWERED;
    return how === 'status' ? ERROR : hang(timeout);
  }
}

/** What became of one ill target. */
function tally(turns: readonly Turn[], since: number, until: number) {
  const after = turns.filter(({ at }) => at >= since);
  let health = turns.findLast(({ at }) => at < since)?.to ?? 'healthy';
  let from = since;
  let flagged = 0;
  for (const { at, to } of after) {
    if (health !== 'healthy') flagged += at - from;
    health = to;
    from = at;
  }
  if (health !== 'healthy') flagged += until - from;
  const first = after.find(({ to }) => to !== 'healthy');
  const dead = after.find(({ to }) => to === 'dead');
  return {
    first: first === undefined ? undefined : (first.at - since) / 1_000,
    dead: dead === undefined ? undefined : (dead.at - since) / 1_000,
    transitions: after.length,
    flagged: flagged / (until - since),
  };
}

export function gray(seed: number, params: GrayParams): Result {
  const { vantages, trials, peers } = params;
  const size = 1 + peers;
  const draws = streamOf(seed, 'S05/start', 0, 0, CHANNEL.start);
  const since = (target: number): number =>
    target % size === 0 ? WARM_UP + Math.floor(chance(draws, target) * INTERVAL) : Number.POSITIVE_INFINITY;
  const turns = new Map<number, Turn[]>();
  let wrong = 0;
  const fleet = new Fleet({
    world: new Gray(seed, params, since),
    vantages,
    interval: INTERVAL,
    timeout: TIMEOUT,
    service: (target) => `s${Math.floor(target / size)}`,
    turned: (target, turn) => {
      if (target % size !== 0) wrong++;
      const list = turns.get(target);
      if (list === undefined) turns.set(target, [turn]);
      else list.push(turn);
    },
  });
  for (let target = 0; target < trials * size; target++) fleet.add(target);
  fleet.clock.run(WARM_UP + INTERVAL + LASTS);
  return sum(
    Array.from({ length: trials }, (_, trial) => {
      const began = since(trial * size);
      return tally(turns.get(trial * size) ?? [], began, began + LASTS);
    }),
    wrong,
  );
}

export interface PeerGrayParams {
  readonly rule: string;
  readonly mode: Mode;
  readonly share: number;
  readonly trials: number;
}

export function peerGray(seed: number, { rule: id, mode, share, trials }: PeerGrayParams): Result {
  const rule = PEERS.find((one) => one.id === id);
  if (rule === undefined) throw new Error(`no rule ${id}`);
  const interval = intervalOf(rule, mode);
  const found = Array.from({ length: trials }, (_, target) => {
    const draws = streamOf(seed, 'S05/peer', target, 0, CHANNEL.start);
    const since = (rule.memory + 2) * interval + Math.floor(chance(draws, 0) * interval);
    const turns: Turn[] = [];
    watch({
      rule,
      interval,
      world: new Gray(seed, { share, how: 'status' }, () => since),
      target,
      vantage: 0,
      from: 0,
      until: since + LASTS,
      phase: Math.floor(chance(draws, 1) * interval),
      timeout: TIMEOUT,
      turned: (up, at) => turns.push({ at, to: up ? 'healthy' : 'dead', reason: '' }),
    });
    return tally(turns, since, since + LASTS);
  });
  return sum(found, 0);
}

function sum(found: readonly ReturnType<typeof tally>[], wrong: number): Result {
  const values = (pick: (one: ReturnType<typeof tally>) => number | undefined): number[] =>
    found.map(pick).filter((value) => value !== undefined);
  const dead = values((one) => one.dead);
  return result({
    samples: {
      first: values((one) => one.first),
      dead,
      transitions: values((one) => one.transitions),
      flagged: values((one) => one.flagged),
    },
    sums: {
      trials: found.length,
      missed: found.filter(({ first }) => first === undefined).length,
      deaths: dead.length,
      wrong,
    },
  });
}
