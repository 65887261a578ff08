import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import type { TargetId } from '../../src/core/target.ts';
import { budgetOf, ExtraLooks } from '../../src/engine/extra-looks.ts';
import { consecutiveRule } from '../../src/rules/consecutive.ts';
import { successRateRule } from '../../src/rules/success-rate.ts';
import { ruleOf } from '../contracts/rule.contract.ts';
import { type BenchOptions, engineBench, target } from '../support/engine-bench.ts';

const TIMED_OUT: Outcome = { kind: 'fail', cause: 'connect-timeout', reached: false, detail: 'no answer' };
const STATUS: Outcome = { kind: 'fail', cause: 'status', reached: true, detail: '503' };
const PASS: Outcome = { kind: 'pass' };
const ids = (...names: readonly string[]) => names as unknown as readonly TargetId[];

describe('the budget of looks beside the schedule', () => {
  it('is a share of the scheduled ones, with a burst of two for each target, at least 100', () => {
    expect(budgetOf(0.5, 200, 1_000)).toEqual({ capacity: 2_000, refillEvery: 10 });
    expect(budgetOf(0.5, 0.2, 1).capacity).toBe(100);
  });

  it('takes the newest suspicion first, since the oldest has had its share', () => {
    const looks = new ExtraLooks();
    const limits = { capacity: 2, refillEvery: 1_000 };
    const [a, b, c] = ids('a', 'b', 'c');
    if (a === undefined || b === undefined || c === undefined) throw new Error('three');
    looks.want(a, 10, 0, 0);
    looks.want(b, 9, 1, 1);
    looks.want(c, 8, 2, 2);
    expect([...looks.take(limits, 5)]).toEqual([]);
    expect([...looks.take(limits, 10)]).toEqual([c, b]);
    expect([looks.taken, looks.waiting]).toEqual([2, 1]);
    expect(looks.next(limits, 10)).toBeGreaterThan(900);
    looks.forget(a);
    expect(looks.next(limits, 10)).toBe(Number.POSITIVE_INFINITY);
  });
});

/** `count` targets looked at every 5 s that are all healthy; then `ill` of them answer so. */
async function fleet(count: number, ill: number, options: BenchOptions & { readonly outcome: Outcome }) {
  let began = Number.POSITIVE_INFINITY;
  let fewest = 0;
  const inFlight = new Map<string, number>();
  const bench = engineBench({
    ownRule: ruleOf(successRateRule, { window: 'adaptive' }),
    ...options,
    probe: async ({ key }, signal, clock) => {
      const now = (inFlight.get(key) ?? 0) + 1;
      inFlight.set(key, now);
      fewest = Math.max(fewest, now);
      const dead = clock.now() >= began && Number(key.slice(1)) < ill;
      if (!dead || options.outcome.kind !== 'fail' || options.outcome.reached)
        await clock.sleep(5, signal).catch(() => undefined);
      else await clock.sleep(500, signal).catch(() => undefined);
      inFlight.set(key, (inFlight.get(key) ?? 1) - 1);
      return dead ? options.outcome : PASS;
    },
  });
  const stop = bench.start();
  const add = Array.from({ length: count }, (_, i) => target(`h${i}`));
  bench.engine.tell({ kind: 'assign', add, remove: [] });
  await bench.clock.advance(60_000);
  bench.looks.length = 0;
  bench.out.length = 0;
  began = bench.clock.now();
  return {
    bench,
    began,
    /** Most looks at one target that were under way at once. */
    most: () => fewest,
    /** Seconds from the outage to each death. */
    deaths: () =>
      bench.out
        .flatMap((one) =>
          one.kind === 'transition' && one.transition.to === 'dead' ? [one.transition.at] : [],
        )
        .map((at) => (at - began) / 1_000)
        .sort((a, b) => a - b),
    async [Symbol.asyncDispose]() {
      const stopping = stop();
      await bench.clock.advance(5_000);
      await stopping;
    },
  };
}

/** The most looks at one target that began within any second. */
function mostPerSecond(looks: readonly { readonly key: string; readonly at: number }[]): number {
  const times = new Map<string, number[]>();
  for (const { key, at } of looks) times.set(key, [...(times.get(key) ?? []), at]);
  let most = 0;
  for (const list of times.values())
    for (const [i, at] of list.entries())
      most = Math.max(most, list.slice(i).filter((other) => other < at + 1_000).length);
  return most;
}

describe('an outage', () => {
  it('of 30 % of the targets is confirmed in time', async () => {
    await using one = await fleet(400, 120, { outcome: TIMED_OUT });
    await one.bench.clock.advance(12_000);
    const deaths = one.deaths();
    expect(deaths).toHaveLength(120);
    // One vantage, a look every 5 s that waits 500 ms for a connection.
    expect(deaths.reduce((sum, at) => sum + at, 0) / deaths.length).toBeLessThanOrEqual(6.5);
    expect(deaths[Math.floor(0.99 * deaths.length)]).toBeLessThanOrEqual(9);
  }, 60_000);

  it('of all targets is not amplified: burst and share bound the looks beside the schedule, measured', async () => {
    await using one = await fleet(400, 400, { outcome: TIMED_OUT });
    for (const seconds of [10, 20, 30, 60, 120]) {
      await one.bench.clock.advance(one.began + seconds * 1_000 - one.bench.clock.now());
      const scheduled = 400 * (seconds / 5);
      expect(one.bench.looks.length - scheduled).toBeLessThanOrEqual(2 * 400 + 0.5 * scheduled);
    }
    expect(one.deaths()).toHaveLength(400);
    // Once they are dead nobody is asked more often than the schedule says.
    one.bench.looks.length = 0;
    await one.bench.clock.advance(60_000);
    expect(one.bench.looks).toHaveLength(400 * 12);
  }, 60_000);

  it('of what is reached and does not serve, for ever, keeps to the share as well', async () => {
    await using one = await fleet(200, 200, { outcome: STATUS });
    await one.bench.clock.advance(600_000);
    const scheduled = 200 * 120;
    expect(one.bench.looks.length - scheduled).toBeLessThanOrEqual(2 * 200 + 0.5 * scheduled);
    expect(mostPerSecond(one.bench.looks)).toBeLessThanOrEqual(4 + 1);
  }, 60_000);

  it('leads to no more than 4 looks a second at one target beside the schedule, and 4 under way, whatever its rule wants', async () => {
    const plain = ruleOf(consecutiveRule);
    const greedy: BenchOptions['ownRule'] = {
      initial: plain.initial.bind(plain),
      verdict: plain.verdict.bind(plain),
      step: (state, seen, env) => ({
        ...plain.step(state, seen, env),
        cadence: { within: 0 },
        confirmations: 4,
      }),
    };
    await using one = await fleet(3, 3, { outcome: TIMED_OUT, ownRule: greedy });
    await one.bench.clock.advance(60_000);
    expect(one.bench.looks.length).toBeGreaterThan(3 * 12);
    expect(mostPerSecond(one.bench.looks)).toBeLessThanOrEqual(4 + 1);
    // Four beside the schedule, and the scheduled one.
    expect(one.most()).toBeLessThanOrEqual(5);
  }, 60_000);
});

describe('probes that are lost by chance', () => {
  it.each([
    [0.01, 0.05],
    [0.1, 0.3],
  ])(
    'at a loss of %f cost at most %f more looks',
    async (loss, allowed) => {
      let seed = 1;
      const random = (): number => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        return seed / 2 ** 32;
      };
      const bench = engineBench({
        ownRule: ruleOf(successRateRule, { window: 'adaptive' }),
        probe: async (_instance, signal, clock) => {
          const lost = random() < loss;
          await clock.sleep(lost ? 500 : 5, signal).catch(() => undefined);
          return lost ? TIMED_OUT : PASS;
        },
      });
      const stop = bench.start();
      const add = Array.from({ length: 200 }, (_, i) => target(`h${i}`));
      bench.engine.tell({ kind: 'assign', add, remove: [] });
      await bench.clock.advance(60_000);
      bench.looks.length = 0;
      await bench.clock.advance(600_000);
      expect(bench.looks.length / (200 * 120) - 1).toBeLessThanOrEqual(allowed);
      expect(bench.out.some((one) => one.kind === 'transition' && one.transition.to !== 'healthy')).toBe(
        false,
      );
      const stopping = stop();
      await bench.clock.advance(5_000);
      await stopping;
    },
    60_000,
  );
});
