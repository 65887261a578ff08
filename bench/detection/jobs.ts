/** Everything that is run: what, with which numbers, once for each seed. */

import { MODES, PEERS } from './peers/peers.ts';
import type { Result } from './result.ts';
import { bursts, peerBursts } from './scenarios/bursts.ts';
import { crash, peerCrash } from './scenarios/crash.ts';
import { FAULTS } from './scenarios/faults.ts';
import { flapping, peerFlapping } from './scenarios/flapping.ts';
import { fleet } from './scenarios/fleet.ts';
import { gray, peerGray } from './scenarios/gray.ts';
import { packets } from './scenarios/packets.ts';
import { CONTENDERS, peerFleet } from './scenarios/peer-fleet.ts';
import { peerQuiet, quiet } from './scenarios/quiet.ts';
import { slow } from './scenarios/slow.ts';
import { timeline } from './scenarios/timeline.ts';

const SCENARIOS = {
  quiet,
  peerQuiet,
  crash,
  peerCrash,
  gray,
  peerGray,
  slow,
  bursts,
  peerBursts,
  flapping,
  peerFlapping,
  packets,
  fleet,
  peerFleet,
  timeline,
} as const;

type Kind = keyof typeof SCENARIOS;
type ParamsOf<K extends Kind> = Parameters<(typeof SCENARIOS)[K]>[1];

/** One scenario with its numbers, for all seeds. */
export interface Cell<K extends Kind = Kind> {
  readonly key: string;
  readonly kind: K;
  readonly params: ParamsOf<K>;
  /** Rough seconds for a seed, so that the long ones begin first. */
  readonly weight: number;
}

export interface Job {
  readonly cell: Cell;
  readonly seed: number;
}

export async function run({ cell, seed }: Job): Promise<Result> {
  // Kind and parameters were put together by `cell`, which knows both.
  const scenario = SCENARIOS[cell.kind] as (seed: number, params: unknown) => Result | Promise<Result>;
  const found = await scenario(seed, cell.params);
  return found;
}

function cell<K extends Kind>(kind: K, key: string, params: ParamsOf<K>, weight = 1): Cell {
  return { key, kind, params, weight } as Cell;
}

const LOSSES = [0, 0.001, 0.01, 0.05, 0.1, 0.3];
const SHARES = [1, 0.5, 0.35, 0.3];
const FACTORS = [2, 3, 5, 10];
const QUICK_FACTORS = [2, 3];
const PERIODS = [10, 20, 40, 60, 120, 300, 600];
const BURSTS = [500, 1_000, 2_000, 4_000, 8_000];
export const VANTAGES = [1, 3];
/** Target-years over all seeds, for one vantage and for three each. */
const YEARS: Readonly<Record<number, number>> = {
  0: 2,
  0.001: 2,
  0.01: 50,
  0.05: 2,
  0.1: 30,
  0.3: 5,
};

export interface Extent {
  readonly seeds: number;
  readonly quick: boolean;
}

/** All cells of the full set, or few and small ones. */
export function cells({ seeds, quick }: Extent): readonly Cell[] {
  const part = quick ? 0.02 : 1;
  const trials = (all: number): number => Math.max(8, Math.ceil((all * (quick ? 0.15 : 1)) / seeds));
  return [
    ...ofSonde(seeds, part, trials, quick),
    ...ofPeers(seeds, part, trials, quick),
    cell('timeline', 'timeline', undefined as never),
  ];
}

function ofSonde(
  seeds: number,
  part: number,
  trials: (all: number) => number,
  quick: boolean,
): readonly Cell[] {
  const list: Cell[] = [];
  for (const vantages of VANTAGES) {
    const v = `${vantages}v`;
    for (const loss of LOSSES) {
      const years = ((YEARS[loss] ?? 1) * part) / seeds;
      list.push(cell('quiet', `S01/${v}/${loss}`, { vantages, loss, years }, years * (1 + 60 * loss)));
    }
    for (const loss of [0.01, 0.1, 0.3])
      for (const timeout of [500, 1_000, 1_500]) {
        const years = (0.5 * part) / seeds;
        list.push(cell('packets', `S02/${v}/${loss}/${timeout}`, { vantages, loss, timeout, years }, 3));
      }
    for (const loss of [0.01, 0.1, 0.3])
      for (const how of ['black-hole', 'refused'] as const)
        list.push(cell('crash', `S03/${v}/${how}/${loss}`, { vantages, loss, how, trials: trials(750) }, 8));
    const short = { vantages, loss: 0.01, how: 'black-hole', timeout: 500, trials: trials(750) } as const;
    list.push(cell('crash', `S03/${v}/black-hole/0.01/500ms`, short, 8));
    for (const share of SHARES)
      list.push(
        cell(
          'gray',
          `S05/${v}/${share}`,
          { vantages, share, how: 'status', trials: trials(share === 0.3 ? 1_000 : 200), peers: 5 },
          5,
        ),
      );
    for (const share of [1, 0.5])
      list.push(
        cell('gray', `S06/${v}/${share}`, { vantages, share, how: 'hang', trials: trials(200), peers: 5 }, 5),
      );
    list.push(
      cell('gray', `S05/${v}/alone`, { vantages, share: 1, how: 'status', trials: trials(100), peers: 0 }, 2),
    );
    // Fewer trials than that tell nothing of a median with so long a tail.
    const slowTrials = Math.ceil((quick ? 50 : 100) / seeds);
    for (const factor of quick ? QUICK_FACTORS : FACTORS)
      list.push(cell('slow', `S07/${v}/${factor}`, { vantages, factor, trials: slowTrials }, 5));
    if (!quick)
      list.push(
        cell('slow', `S07/${v}/ramp`, { vantages, factor: 10, ramp: 600_000, trials: slowTrials }, 5),
      );
    list.push(
      cell(
        'slow',
        `S07/${v}/1`,
        { vantages, factor: 1, trials: ((vantages === 1 ? 2 : 1) * part) / seeds },
        30,
      ),
    );
    for (const length of BURSTS) {
      const days = (600 * part) / seeds;
      list.push(cell('bursts', `S08/${v}/all/${length}`, { vantages, length, everywhere: true, days }, 2));
      if (vantages > 1)
        list.push(
          cell('bursts', `S08/${v}/each/${length}`, { vantages, length, everywhere: false, days }, 2),
        );
    }
    for (const period of PERIODS)
      list.push(
        cell('flapping', `S09/${v}/${period}`, { vantages, period: period * 1_000, trials: trials(60) }, 4),
      );
    for (const { id, severalOnly, targets } of FAULTS) {
      if (vantages === 1 && severalOnly === true) continue;
      if (quick && !QUICK_FAULTS.includes(id)) continue;
      list.push(cell('fleet', `fleet/${v}/${id}`, { vantages, fault: id }, targets / 100));
    }
  }
  return list;
}

const QUICK_FAULTS = ['S10-3000-one', 'S11', 'S12-full', 'S13', 'S14-blind', 'S15'];

function ofPeers(
  seeds: number,
  part: number,
  trials: (all: number) => number,
  quick: boolean,
): readonly Cell[] {
  const list: Cell[] = [];
  for (const { id: rule } of PEERS)
    for (const mode of MODES) {
      const name = `${rule}/${mode}`;
      for (const loss of [0.01, 0.1, 0.3]) {
        list.push(
          cell('peerQuiet', `peer/S01/${name}/${loss}`, { rule, mode, loss, years: part / seeds }, 1),
        );
        list.push(
          cell('peerCrash', `peer/S03/${name}/${loss}`, {
            rule,
            mode,
            loss,
            how: 'black-hole',
            trials: trials(1_000),
          }),
        );
      }
      for (const share of [1, 0.5, 0.3])
        list.push(cell('peerGray', `peer/S05/${name}/${share}`, { rule, mode, share, trials: trials(300) }));
      if (quick) continue;
      for (const period of PERIODS)
        list.push(
          cell('peerFlapping', `peer/S09/${name}/${period}`, {
            rule,
            mode,
            period: period * 1_000,
            trials: trials(100),
          }),
        );
      for (const length of BURSTS)
        list.push(
          cell('peerBursts', `peer/S08/${name}/${length}`, {
            rule,
            mode,
            length,
            days: (300 * part) / seeds,
          }),
        );
    }
  for (const { id: contender } of CONTENDERS)
    for (const { id: fault } of FAULTS) {
      if (quick && !QUICK_FAULTS.includes(fault)) continue;
      list.push(cell('peerFleet', `peer/fleet/${contender}/${fault}`, { contender, fault }));
    }
  return list;
}
