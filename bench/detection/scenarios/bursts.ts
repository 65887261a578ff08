/** S08: now and then everything that is sent to a target is lost for a while (Gilbert and Elliott), at one vantage or at all. */

import { intervalOf, type Mode, PEERS } from '../peers/peers.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { shippingRule } from '../sonde/rule.ts';
import { CHANNEL, chance, exponential, slotOf, streamOf } from '../world/random.ts';
import { ANSWERED, lost } from '../world/world.ts';
import { count, INTERVAL, lossTrace, nothing, quietTarget, TIMEOUT, YEAR } from './quiet.ts';

export interface BurstParams {
  /** Mean length, milliseconds; ten a day. */
  readonly length: number;
  readonly vantages: number;
  /** Whether all vantages see the same bursts. */
  readonly everywhere: boolean;
  /** Target-days. */
  readonly days: number;
}

const DAY = 86_400_000;
const APART = DAY / 10;
const LOSS = 0.001;
const LASTS = 30 * DAY;

export function bursts(seed: number, { length, vantages, everywhere, days }: BurstParams): Result {
  const tally = nothing();
  const trace = lossTrace(seed, LOSS, vantages);
  const rule = shippingRule(INTERVAL);
  for (let target = 0; target * LASTS < days * DAY; target++) {
    const seen = Array.from({ length: vantages }, (_, vantage) =>
      burstWorld(seed, length, target, everywhere ? 0 : vantage, vantage),
    );
    const fate = (vantage: number, at: number) => (seen[vantage]?.(at) === true ? 'lost' : 'answered');
    const input = {
      target,
      vantages,
      fate,
      span: LASTS,
      timeout: TIMEOUT,
      trace,
      rule,
      stepped: false,
    } as const;
    count(tally, quietTarget(input), LASTS / YEAR);
  }
  return result({ sums: { ...tally, days: (tally.years * YEAR) / DAY } });
}

/** Whether a look at that time is lost: in a burst, or by chance. */
function burstWorld(seed: number, length: number, target: number, bursting: number, vantage: number) {
  const draws = streamOf(seed, `S08/${length}`, target, bursting, CHANNEL.burst);
  const starts: number[] = [];
  const ends: number[] = [];
  for (let at = 0, index = 0; at < LASTS; index += 2) {
    const start = at + exponential(draws, index, APART);
    at = start + exponential(draws, index + 1, length);
    starts.push(start);
    ends.push(at);
  }
  const losses = streamOf(seed, `S08/${length}`, target, vantage, CHANNEL.loss);
  return (at: number): boolean => {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return at < (ends[low - 1] ?? 0) || chance(losses, slotOf(at)) < LOSS;
  };
}

export interface PeerBurstParams {
  readonly rule: string;
  readonly mode: Mode;
  readonly length: number;
  readonly days: number;
}

export function peerBursts(seed: number, { rule: id, mode, length, days }: PeerBurstParams): Result {
  const rule = PEERS.find((one) => one.id === id);
  if (rule === undefined) throw new Error(`no rule ${id}`);
  const interval = intervalOf(rule, mode);
  let dead = 0;
  let targets = 0;
  for (; targets * LASTS < days * DAY; targets++) {
    const loses = burstWorld(seed, length, targets, 0, 0);
    watch({
      rule,
      interval,
      world: { look: (_target, _vantage, at, timeout) => (loses(at) ? lost(timeout) : ANSWERED) },
      target: targets,
      vantage: 0,
      from: 0,
      until: LASTS,
      phase: Math.floor(chance(streamOf(seed, 'S08/peer', targets, 0, CHANNEL.start), 0) * interval),
      timeout: TIMEOUT,
      turned: (up) => {
        if (!up) dead++;
      },
    });
  }
  return result({ sums: { dead, days: (targets * LASTS) / DAY } });
}
