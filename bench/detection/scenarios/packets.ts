/** S02: packets are lost, and TCP sends them again: what that makes of looks under a connect timeout below and above the first second. */

import { type Result, result } from '../result.ts';
import { shippingRule } from '../sonde/rule.ts';
import { CHANNEL, chance, slotOf, streamOf } from '../world/random.ts';
import { count, INTERVAL, lossTrace, nothing, type QuietInput, quietTarget, YEAR } from './quiet.ts';

export interface PacketParams {
  /** Share of packets that are lost, each way. */
  readonly loss: number;
  /** Milliseconds for the connection. */
  readonly timeout: number;
  readonly vantages: number;
  readonly years: number;
}

/** When the kernel sends a SYN (RFC 6298: 1 s, doubling), and after it the request (200 ms, doubling); milliseconds. */
const SYNS = [0, 1_000, 3_000];
const REQUESTS = [0, 200, 600];

export function packets(seed: number, { loss, timeout, vantages, years }: PacketParams): Result {
  const tally = nothing();
  const roundTrip = 1 - (1 - loss) ** 2;
  const syns = SYNS.filter((at) => at < timeout).length;
  const trace = lossTrace(seed, roundTrip ** syns, vantages);
  const rule = shippingRule(INTERVAL);
  const each = YEAR / 8;
  for (let target = 0; target < years * 8; target++) {
    const fate = fateOf(seed, { loss: roundTrip, syns, target, vantages });
    const input = { target, vantages, fate, span: each, timeout, trace, rule, stepped: false };
    count(tally, quietTarget(input), each / YEAR);
  }
  return result({ sums: { ...tally } });
}

/** Each try is lost with its answer or not, by draws of its own. */
function fateOf(
  seed: number,
  input: { readonly loss: number; readonly syns: number; readonly target: number; readonly vantages: number },
): QuietInput['fate'] {
  const { loss, syns, target, vantages } = input;
  const streams = Array.from({ length: vantages }, (_, vantage) =>
    streamOf(seed, 'S02', target, vantage, CHANNEL.loss),
  );
  return (vantage, at) => {
    const stream = streams[vantage] ?? 0;
    const first = slotOf(at) * (SYNS.length + REQUESTS.length);
    const all = (from: number, tries: number): boolean => {
      for (let one = 0; one < tries; one++) if (chance(stream, first + from + one) >= loss) return false;
      return true;
    };
    if (all(0, syns)) return 'lost';
    return all(SYNS.length, REQUESTS.length) ? 'hang' : 'answered';
  };
}
