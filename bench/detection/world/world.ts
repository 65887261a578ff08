/** What looks meet: the same for every rule. Pure functions of target, vantage and time. */

import type { Outcome } from '../../../src/core/outcome.ts';
import { CHANNEL, chance, type Stream, slotOf, streamOf } from './random.ts';

/** How a look ends, as the target and the network would have it; the prober may still spoil it. */
export type Kind = 'pass' | 'lost' | 'refused' | 'status' | 'hang' | 'no-answer-of-dns';

export interface Sight {
  readonly kind: Kind;
  /** Milliseconds. */
  readonly duration: number;
}

export interface World {
  look(target: number, vantage: number, at: number, timeout: number): Sight;
}

/** Milliseconds there and back. */
export const RTT = 5;

export const ANSWERED: Sight = { kind: 'pass', duration: RTT };
export const REFUSED: Sight = { kind: 'refused', duration: RTT };
export const ERROR: Sight = { kind: 'status', duration: RTT };

/** Nobody answered in time; few timeouts are in use, so that the objects are shared. */
export function lost(timeout: number): Sight {
  return shared('lost', timeout);
}

/** Connected, and nothing more came. */
export function hang(timeout: number): Sight {
  return shared('hang', timeout);
}

const known = new Map<string, Sight>();

function shared(kind: Kind, duration: number): Sight {
  const key = `${kind}${duration}`;
  let sight = known.get(key);
  if (sight === undefined) {
    sight = { kind, duration };
    known.set(key, sight);
  }
  return sight;
}

export const OUTCOMES: Readonly<Record<Kind, Outcome>> = {
  pass: { kind: 'pass' },
  lost: { kind: 'fail', cause: 'connect-timeout', reached: false, detail: 'no connection in time' },
  refused: { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'connection refused' },
  status: { kind: 'fail', cause: 'status', reached: true, detail: 'status 503' },
  hang: { kind: 'fail', cause: 'request-timeout', reached: true, detail: 'no answer in time' },
  'no-answer-of-dns': { kind: 'skip', cause: 'dns-no-answer', detail: 'the resolver did not answer' },
};

/** Chance by target and vantage, made once each. */
export class Chances {
  readonly #seed: number;
  readonly #scenario: string;
  readonly #streams = new Map<number, Stream>();

  constructor(seed: number, scenario: string) {
    this.#seed = seed;
    this.#scenario = scenario;
  }

  stream(target: number, vantage: number, channel: (typeof CHANNEL)[keyof typeof CHANNEL]): Stream {
    const key = (target * 8 + vantage) * 16 + channel;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = streamOf(this.#seed, this.#scenario, target, vantage, channel);
      this.#streams.set(key, stream);
    }
    return stream;
  }

  /** Whether the look is lost on its way, which happens to that share of them. */
  loses(target: number, vantage: number, at: number, share: number): boolean {
    return share > 0 && chance(this.stream(target, vantage, CHANNEL.loss), slotOf(at)) < share;
  }

  /** Whether the answer is an error, which happens to that share of them. */
  errs(target: number, vantage: number, at: number, share: number): boolean {
    return share > 0 && chance(this.stream(target, vantage, CHANNEL.status), slotOf(at)) < share;
  }
}
