/** S10 to S17, S19, S20: what happens to a fleet, its probers and their network, as functions of time. */

import { type Pause, regularPauses, starvation } from '../world/pauses.ts';
import { ANSWERED, Chances, ERROR, lost, REFUSED, type Sight, type World } from '../world/world.ts';

export const SERVICE = 20;
export const FAULT_AT = 120_000;

/** What a target is, whatever anybody sees of it. */
export type Truth = 'healthy' | 'sub-healthy' | 'dead' | 'draining';

export interface Fault {
  readonly id: string;
  readonly title: string;
  readonly targets: number;
  /** Milliseconds until the end of the run. */
  readonly lasts: number;
  /** With several vantages only: one alone has no way to tell. */
  readonly severalOnly?: boolean;
  /** What is to be looked at, for the table. */
  readonly make: (seed: number) => Scene;
}

export interface Scene extends World {
  readonly truth: (target: number, at: number) => Truth;
  readonly pauses: (vantage: number) => readonly Pause[];
  /** Whether the network of the vantage reaches that zone. */
  readonly reaches: (vantage: number, zone: number, at: number) => boolean;
  readonly registryDown: (at: number) => boolean;
}

interface Parts {
  readonly loss?: (at: number) => number;
  readonly truth?: Scene['truth'];
  /** How a dead target answers. */
  readonly dies?: 'black-hole' | 'refused';
  readonly pauses?: Scene['pauses'];
  readonly reaches?: Scene['reaches'];
  /** Only some targets are behind the broken path. */
  readonly cut?: (target: number, vantage: number, at: number) => boolean;
  readonly dnsDown?: (at: number) => boolean;
  readonly registryDown?: (at: number) => boolean;
}

const FIVE_MINUTES = 300_000;
const QUIET = 0.01;

function during(at: number, length = FIVE_MINUTES): boolean {
  return at >= FAULT_AT && at < FAULT_AT + length;
}

function zoneOf(target: number): number {
  return target % 3;
}

function rackOf(target: number): number {
  return target % SERVICE;
}

const NO_ANSWER: Sight = { kind: 'no-answer-of-dns', duration: 1_000 };

function scene(id: string, seed: number, parts: Parts): Scene {
  const chances = new Chances(seed, id);
  const truth = parts.truth ?? (() => 'healthy');
  const reaches = parts.reaches ?? (() => true);
  return {
    truth,
    reaches,
    pauses: parts.pauses ?? (() => []),
    registryDown: parts.registryDown ?? (() => false),
    look(target, vantage, at, timeout) {
      if (parts.dnsDown?.(at) === true) return NO_ANSWER;
      const is = truth(target, at);
      if (!reaches(vantage, zoneOf(target), at) || parts.cut?.(target, vantage, at) === true)
        return lost(timeout);
      if (is === 'dead' && parts.dies !== 'refused') return lost(timeout);
      if (chances.loses(target, vantage, at, parts.loss?.(at) ?? QUIET)) return lost(timeout);
      if (is === 'dead' || is === 'draining') return REFUSED;
      return is === 'sub-healthy' ? ERROR : ANSWERED;
    },
  };
}

function fault(
  id: string,
  title: string,
  parts: (seed: number) => Parts,
  size: Partial<Pick<Fault, 'targets' | 'lasts' | 'severalOnly'>> = {},
): Fault {
  return { id, title, targets: 400, lasts: 600_000, ...size, make: (seed) => scene(id, seed, parts(seed)) };
}

const GC = [500, 1_000, 3_000, 5_000];
const END = FAULT_AT + FIVE_MINUTES;
const gcPauses = (length: number) => regularPauses(FAULT_AT, END, 30_000, length);
const rackDies: Scene['truth'] = (target, at) =>
  during(at, 600_000) && rackOf(target) < 6 ? 'dead' : 'healthy';
const starved = (seed: number) => starvation(seed, FAULT_AT, FAULT_AT + 120_000, 1_500);
const lossStep = (at: number): number => (during(at) ? 0.2 : QUIET);
/** One of every service restarts each 30 s, for 20 s. */
const restarts = (target: number, at: number): boolean => {
  const since = at - FAULT_AT - rackOf(target) * 30_000;
  return since >= 0 && since < 20_000;
};

export const FAULTS: readonly Fault[] = [
  fault('quiet', 'nothing happens', () => ({})),
  fault('single', '10 single crashes', () => ({
    truth: (target, at) => (target < 10 && at >= FAULT_AT + target * 7_300 ? 'dead' : 'healthy'),
  })),
  ...GC.flatMap((length) => [
    fault(`S10-${length}-one`, `S10 one prober stops ${length / 1_000} s every 30 s`, () => ({
      pauses: (vantage) => (vantage === 0 ? gcPauses(length) : []),
    })),
    fault(
      `S10-${length}-all`,
      `S10 all probers stop ${length / 1_000} s every 30 s`,
      () => ({ pauses: () => gcPauses(length) }),
      { severalOnly: true },
    ),
  ]),
  fault('S11', 'S11 one prober starved of CPU, 2 min', (seed) => ({
    pauses: (vantage) => (vantage === 0 ? starved(seed) : []),
  })),
  fault('S12-full', 'S12 one prober cut off, 5 min', () => ({
    reaches: (vantage, _zone, at) => vantage !== 0 || !during(at),
  })),
  fault(
    'S12-part',
    'S12 one prober does not reach 30 % of the targets, 5 min',
    () => ({ cut: (target, vantage, at) => vantage === 0 && rackOf(target) < 6 && during(at) }),
    { severalOnly: true },
  ),
  fault('S13', 'S13 zone A cut off from B and C, 5 min', () => ({
    reaches: (vantage, zone, at) => !during(at) || (vantage === 0) === (zone === 0),
  })),
  fault('S14-blind', 'S14 all probers without network, 5 min', () => ({
    reaches: (_vantage, _zone, at) => !during(at),
  })),
  fault('S14-dns', 'S14 the resolver does not answer, 5 min', () => ({ dnsDown: (at) => during(at) })),
  fault('S14-registry', 'S14 the registry does not answer, 5 min', () => ({
    registryDown: (at) => during(at),
  })),
  fault('S15', 'S15 30 % of the racks dark, 10 min', () => ({ truth: rackDies }), {
    targets: 1_000,
    lasts: 780_000,
  }),
  fault('S16-dead', 'S16 a whole service dead, 5 min', () => ({
    truth: (target, at) => (target < SERVICE && during(at) ? 'dead' : 'healthy'),
  })),
  fault('S16-5xx', 'S16 a whole service answers 5xx, 5 min', () => ({
    truth: (target, at) => (target < SERVICE && during(at) ? 'sub-healthy' : 'healthy'),
  })),
  fault(
    'S17-plain',
    'S17 rolling deploy, 5 % every 30 s, 20 s each',
    () => ({ truth: (target, at) => (restarts(target, at) ? 'dead' : 'healthy'), dies: 'refused' }),
    { lasts: 750_000 },
  ),
  fault(
    'S17-draining',
    'S17 the same, draining before',
    () => ({ truth: (target, at) => (restarts(target, at) ? 'draining' : 'healthy'), dies: 'refused' }),
    { lasts: 750_000 },
  ),
  fault('S19', 'S19 20 % loss on all paths, 5 min', () => ({ loss: lossStep }), { targets: 1_000 }),
  fault(
    'S20-starved',
    'S20 S15 and S11 together',
    (seed) => ({ truth: rackDies, pauses: (vantage) => (vantage === 0 ? starved(seed) : []) }),
    { targets: 1_000, lasts: 780_000 },
  ),
  fault('S20-lossy', 'S20 S15 and S19 together', () => ({ truth: rackDies, loss: lossStep }), {
    targets: 1_000,
    lasts: 780_000,
  }),
];

export function faultNamed(id: string): Fault {
  const found = FAULTS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no fault ${id}`);
  return found;
}
