import { describe, expect, it } from 'vitest';
import { bench } from '../../bench/detection/bench.ts';
import { type Cell, cells } from '../../bench/detection/jobs.ts';
import { PEERS } from '../../bench/detection/peers/peers.ts';
import { poissonInterval, rateText } from '../../bench/detection/poisson.ts';
import { Book } from '../../bench/detection/report/book.ts';
import { linesOf } from '../../bench/detection/report/lines.ts';
import { crash } from '../../bench/detection/scenarios/crash.ts';
import { fleet } from '../../bench/detection/scenarios/fleet.ts';
import { peerFleet } from '../../bench/detection/scenarios/peer-fleet.ts';
import {
  analyticBound,
  INTERVAL,
  lossAlone,
  lossTrace,
  quiet,
  quietTarget,
  TIMEOUT,
} from '../../bench/detection/scenarios/quiet.ts';
import { shippingRule } from '../../bench/detection/sonde/rule.ts';
import { chance, streamOf } from '../../bench/detection/world/random.ts';

const DAY = 86_400_000;

/** A few small ones of each kind of scenario. */
const SMALL: readonly Cell[] = cells({ seeds: 1, quick: true }).filter(({ key }) =>
  ['S02/3v/0.1/500', 'S08/3v/each/4000', 'timeline', 'peer/S03/haproxy/shipped/0.01'].includes(key),
);

describe('chance without state', () => {
  it('is the same for the same path and slot, and uniform', () => {
    const stream = streamOf(11, 'S01', 3, 1, 1);
    expect(chance(stream, 7)).toBe(chance(streamOf(11, 'S01', 3, 1, 1), 7));
    expect(chance(stream, 7)).not.toBe(chance(streamOf(11, 'S01', 3, 2, 1), 7));
    const tenths = new Array<number>(10).fill(0);
    for (let slot = 0; slot < 100_000; slot++) {
      const tenth = Math.floor(10 * chance(stream, 100 * slot));
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

describe('the skipping of idle passes', () => {
  it.each([
    [1, 0.001],
    [1, 0.02],
    [3, 0.02],
    [3, 0.2],
  ])('from %i vantages at a loss of %f ends in the same state as stepping them', (vantages, loss) => {
    const input = {
      target: 3,
      vantages,
      fate: lossAlone(11, loss, 3, vantages),
      span: 3 * DAY,
      timeout: TIMEOUT,
      trace: lossTrace(11, loss, vantages),
      rule: shippingRule(INTERVAL),
    };
    const skipped = quietTarget({ ...input, stepped: false });
    expect(skipped).toEqual(quietTarget({ ...input, stepped: true }));
    expect(skipped.looks).toBeGreaterThan((3 * DAY) / INTERVAL - 2);
  });
});

describe('the detection bench', () => {
  it('finds the same, byte by byte, in one thread and in two', async () => {
    const once = await bench(SMALL, [11, 22], 0, () => undefined);
    const again = await bench(SMALL, [11, 22], 2, () => undefined);
    expect(SMALL).toHaveLength(4);
    expect(again.qos).toBe(once.qos);
    const other = await bench(SMALL, [33], 0, () => undefined);
    expect(other.qos).not.toBe(once.qos);
  }, 120_000);

  it('calls no healthy target dead, and notices a rule that does', () => {
    const params = { vantages: 1, loss: 0.1, years: 0.02 };
    const lineOf = (options: object) => {
      const found = quiet(11, { ...params, options });
      const book = new Book(new Map([['S01/1v/0.1', [found]]]));
      return linesOf(book, [1]).find(({ what }) => what === 'one vantage: false dead at 10 % loss');
    };
    expect(lineOf({})).toMatchObject({ met: true });
    // Somebody broke the rule.
    expect(lineOf({ window: { count: 5 }, minSamples: 5, fall: 1 })).toMatchObject({ met: false });
  });

  it('finds the dead in time, and notices a rule that waits', () => {
    const params = { vantages: 1, loss: 0.01, how: 'black-hole', trials: 40 } as const;
    const lineOf = (options: object) => {
      const book = new Book(new Map([['S03/1v/black-hole/0.01', [crash(11, { ...params, options })]]]));
      return linesOf(book, [1]).find(({ what }) => what === 'one vantage: crash, black-hole, 1 % loss');
    };
    expect(lineOf({})).toMatchObject({ met: true });
    expect(lineOf({ window: { count: 20 }, fall: 10 })).toMatchObject({ met: false });
  }, 60_000);

  it('writes nothing wrong while the prober has no network, where others do', async () => {
    const ours = await fleet(11, { fault: 'S14-blind', vantages: 1 });
    expect(ours.sums).toMatchObject({ wrongDead: 0, wrongVerdicts: 0, writes: 0 });
    const theirs = peerFleet(11, { fault: 'S14-blind', contender: 'haproxy' });
    expect(theirs.maxima.peak).toBe(400);
  }, 60_000);
});

describe('what is said of a count', () => {
  it('is exact where it is small', () => {
    expect(poissonInterval(0)).toEqual([0, expect.closeTo(3.689, 2)]);
    expect(poissonInterval(5)).toEqual([expect.closeTo(1.623, 2), expect.closeTo(11.668, 2)]);
    expect(rateText(0, 100)).toBe('0 (<0.03)');
    expect(rateText(5, 1)).toBe('5 [1.6, 12]');
  });

  it('stands beside what the formulas allow', () => {
    expect(analyticBound(0.01)).toBeCloseTo(7.5e-4, 5);
    for (const loss of [0.001, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4])
      expect(analyticBound(loss)).toBeLessThan(0.01);
  });
});

describe('the rules of others', () => {
  it('name what they were made from, and go down and come up again', () => {
    for (const { id, source, create, interval, memory } of PEERS) {
      expect(source.length).toBeGreaterThan(20);
      const peer = create(interval);
      let at = 0;
      const hear = (passed: boolean, looks: number): void => {
        for (let look = 0; look < looks; look++) {
          at += interval;
          peer.hear(passed, at);
        }
      };
      hear(true, 2 * memory);
      expect([id, peer.up]).toEqual([id, true]);
      hear(false, 2 * memory);
      expect([id, peer.up]).toEqual([id, false]);
      // Envoy lets nobody back before his time.
      hear(true, 400);
      expect([id, peer.up]).toEqual([id, true]);
    }
  });
});
