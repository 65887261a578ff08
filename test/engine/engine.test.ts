import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import { nextSlot, phaseOf, slotsBetween } from '../../src/engine/agenda.ts';
import { successRateRule } from '../../src/rules/success-rate.ts';
import { ruleOf } from '../contracts/rule.contract.ts';
import { engineBench, target } from '../support/engine-bench.ts';

const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };
const TIMED_OUT: Outcome = { kind: 'fail', cause: 'connect-timeout', reached: false, detail: 'no answer' };
const many = (count: number) => Array.from({ length: count }, (_, index) => target(`h${index}`));

describe('the grid', () => {
  it.each([
    [0, 1_000, 300, 300],
    [300, 1_000, 300, 1_300],
    [299.5, 1_000, 300, 300],
    [5_000, 1_000, 0, 6_000],
  ])('after %f every %i from %i comes %f', (now, interval, phase, next) => {
    expect(nextSlot(now, interval, phase)).toBeCloseTo(next, 6);
  });

  it('counts the slots that were missed', () => {
    expect(slotsBetween(1_000, 2_000, 1_000)).toBe(0);
    expect(slotsBetween(1_000, 5_000, 1_000)).toBe(3);
  });
});

describe('the engine', () => {
  it('looks at every target once an interval, spread over it, on the same grid', async () => {
    const bench = engineBench();
    const targets = many(200);
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: targets, remove: [] });
    await bench.clock.advance(5_000);
    expect(bench.looks).toHaveLength(200);
    const perSecond = [0, 0, 0, 0, 0];
    const start = bench.clock.now() - 5_000;
    for (const { at } of bench.looks) {
      const second = Math.min(4, Math.floor((at - start) / 1_000));
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    for (const count of perSecond) expect(count).toBeGreaterThan(15);
    bench.looks.length = 0;
    await bench.clock.advance(3_600_000);
    expect(bench.looks).toHaveLength(200 * 720);
    for (const { key, at } of bench.looks) expect(at % 5_000).toBe(phaseOf(target(key).id, 5_000));
    await stop();
    expect(bench.clock.pending).toBe(0);
  });

  it('drifts by nothing in 24 hours, and leaves no timer', async () => {
    const minute = 60_000;
    const bench = engineBench({ check: { interval: minute, edgeInterval: minute, deadInterval: minute } });
    const start = bench.clock.now();
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: many(200), remove: [] });
    await bench.clock.advance(24 * 60 * minute);
    await stop();
    const rounds = new Map<string, number>();
    const late = bench.looks.filter(({ key, at }) => {
      const round = rounds.get(key) ?? 0;
      rounds.set(key, round + 1);
      const phase = phaseOf(target(key).id, minute);
      return at !== start + (phase === 0 ? minute : phase) + round * minute;
    });
    expect(late).toEqual([]);
    expect(bench.looks).toHaveLength(200 * 24 * 60);
    expect(bench.clock.pending).toBe(0);
  }, 60_000);

  it('asks for no confirmation of a confirmation', async () => {
    let asked = 0;
    const bench = engineBench({
      rule: { confirm: 4, fall: 10 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(10, signal);
        return asked++ % 2 === 0 ? { kind: 'pass' } : REFUSED;
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(60_000);
    const scheduled = bench.out.filter(
      (message) => message.kind === 'observed' && message.observation.occasion === 'scheduled',
    );
    expect(scheduled).toHaveLength(12);
    expect(bench.looks.length).toBeLessThanOrEqual(12 * (1 + 4));
    const stopping = stop();
    await bench.clock.advance(100);
    await stopping;
  });

  it('skips slots that come while a look is under way, and counts them', async () => {
    const bench = engineBench({
      check: { interval: 1_000, edgeInterval: 1_000, deadInterval: 1_000, timeout: 10_000 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(3_500, signal);
        return { kind: 'pass' };
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(12_000);
    expect(bench.looks).toHaveLength(3);
    const gaps = bench.looks.slice(1).map(({ at }, index) => at - (bench.looks[index]?.at ?? 0));
    expect(gaps).toEqual([4_000, 4_000]);
    const numbers = bench.out.findLast((message) => message.kind === 'numbers');
    expect(numbers?.kind === 'numbers' && numbers.numbers.slotsSkipped).toBeGreaterThanOrEqual(8);
    const stopping = stop();
    await bench.clock.advance(10_000);
    await stopping;
  });

  it('changes its pace with the cadence of the rule', async () => {
    let outcome: Outcome = { kind: 'pass' };
    const bench = engineBench({
      check: { interval: 5_000, edgeInterval: 1_000, deadInterval: 20_000 },
      probe: () => Promise.resolve(outcome),
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(30_000);
    bench.looks.length = 0;
    outcome = REFUSED;
    await bench.clock.advance(60_000);
    const gaps = bench.looks.slice(1).map(({ at }, index) => at - (bench.looks[index]?.at ?? 0));
    // One look at the old pace fails, two at the fast one make it dead, then it is slow.
    expect(gaps[0]).toBeLessThanOrEqual(1_500);
    expect(gaps[1]).toBe(1_000);
    expect(gaps[2]).toBeGreaterThanOrEqual(10_000);
    expect(gaps[3]).toBe(20_000);
    await stop();
  });

  it('tells observations before the transition they make', async () => {
    const bench = engineBench({ probe: () => Promise.resolve(REFUSED) });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(20_000);
    const kinds = bench.out.map(({ kind }) => kind).filter((kind) => kind !== 'numbers');
    expect(kinds.slice(0, 4)).toEqual(['observed', 'observed', 'observed', 'transition']);
    const transition = bench.out.find((message) => message.kind === 'transition');
    expect(transition).toMatchObject({
      transition: { from: 'unknown', to: 'dead', reason: 'connect-refused' },
    });
    await stop();
  });

  it('keeps to its limits overall and per host', async () => {
    let now = 0;
    let most = 0;
    const bench = engineBench({
      limits: { concurrency: 10, perHost: 2 },
      check: { interval: 1_000, edgeInterval: 1_000, deadInterval: 1_000, timeout: 60_000 },
      probe: async (_instance, signal, clock) => {
        most = Math.max(most, ++now);
        await clock.sleep(700, signal);
        now--;
        return { kind: 'pass' };
      },
    });
    const stop = bench.start();
    bench.engine.tell({
      kind: 'assign',
      add: [...many(50), ...Array.from({ length: 6 }, (_, i) => target(`x${i}`, 'one'))],
      remove: [],
    });
    await bench.clock.advance(3_000);
    expect(most).toBe(10);
    const stopping = stop();
    await bench.clock.advance(5_000);
    await stopping;

    const one = engineBench({
      limits: { concurrency: 10, perHost: 2 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(1_500, signal);
        return { kind: 'pass' };
      },
    });
    const stopOne = one.start();
    one.engine.tell({
      kind: 'assign',
      add: Array.from({ length: 6 }, (_, i) => target(`x${i}`, 'one')),
      remove: [],
    });
    for (let step = 0; step < 100; step++) {
      await one.clock.advance(100);
      const numbers = one.out.findLast((message) => message.kind === 'numbers');
      if (numbers?.kind === 'numbers') expect(numbers.numbers.inFlight).toBeLessThanOrEqual(2);
    }
    const stoppingOne = stopOne();
    await one.clock.advance(5_000);
    await stoppingOne;
  });

  it('confirms at once when the rule asks, at most four at a time', async () => {
    const bench = engineBench({
      rule: { confirm: 4, fall: 10 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(100, signal);
        return REFUSED;
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(5_300);
    expect(bench.looks.length).toBeGreaterThanOrEqual(5);
    for (let i = 0; i < 10; i++)
      bench.engine.tell({ kind: 'confirm', target: target('a').id, occasion: 'manual' });
    const before = bench.looks.length;
    await bench.clock.advance(50);
    expect(bench.looks.length - before).toBe(4);
    const asked = bench.out.filter((message) => message.kind === 'please-confirm');
    expect(asked).toEqual([{ kind: 'please-confirm', target: target('a').id, looks: 4 }]);
    const stopping = stop();
    await bench.clock.advance(1_000);
    await stopping;
  });

  it('looks on at its pace while looks that fail slowly are under way, four at most', async () => {
    const bench = engineBench({
      ownRule: ruleOf(successRateRule, { window: 'adaptive' }),
      check: { timeout: 2_000 },
      probe: (_instance, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(TIMED_OUT), { once: true });
        }),
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(12_000);
    const first = bench.looks[0]?.at ?? 0;
    // The first takes 2 s to fail; then one every 250 ms until four are under way, and the next when one of them has failed.
    expect(bench.looks.slice(0, 6).map(({ at }) => at - first)).toEqual([
      0, 2_250, 2_500, 2_750, 3_000, 4_250,
    ]);
    const dead = bench.out.find((message) => message.kind === 'transition');
    expect(dead?.kind === 'transition' && dead.transition.at - first).toBe(5_000);
    const stopping = stop();
    await bench.clock.advance(10_000);
    await stopping;
  });

  it('throws away what it saw of a target that has gone', async () => {
    const bench = engineBench({
      probe: async (_instance, signal, clock) => {
        await clock.sleep(1_000, signal);
        return { kind: 'pass' };
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    while (bench.looks.length === 0) await bench.clock.advance(100);
    bench.engine.tell({ kind: 'assign', add: [], remove: [target('a').id] });
    await bench.clock.advance(30_000);
    expect(bench.out.filter(({ kind }) => kind === 'observed')).toEqual([]);
    expect(bench.looks).toHaveLength(1);
    await stop();
    expect(bench.clock.pending).toBe(0);
  });

  it('lets no crowded host keep others waiting', async () => {
    const bench = engineBench({
      limits: { concurrency: 2, perHost: 1 },
      check: { interval: 1_000, edgeInterval: 1_000, deadInterval: 1_000 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(100, signal);
        return { kind: 'pass' };
      },
    });
    const stop = bench.start();
    const crowd = Array.from({ length: 50 }, (_, index) => target(`c${index}`, 'crowded'));
    bench.engine.tell({ kind: 'assign', add: [...crowd, target('calm')], remove: [] });
    await bench.clock.advance(60_000);
    expect(bench.looks.filter(({ key }) => key === 'calm')).toHaveLength(60);
    const stopping = stop();
    await bench.clock.advance(2_000);
    await stopping;
    expect(bench.clock.pending).toBe(0);
  });

  it('judges evidence from elsewhere like its own', async () => {
    const bench = engineBench();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    for (let i = 0; i < 3; i++) {
      const observation = {
        target: target('a').id,
        at: i,
        duration: 1,
        vantage: 'there',
        occasion: 'external',
        outcome: REFUSED,
      } as const;
      bench.engine.tell({ kind: 'observe', observation });
    }
    expect(bench.out.at(-1)).toMatchObject({ kind: 'transition', transition: { to: 'dead' } });
    const stranger = {
      target: target('b').id,
      at: 0,
      duration: 1,
      vantage: 'there',
      occasion: 'external',
      outcome: REFUSED,
    } as const;
    bench.engine.tell({ kind: 'observe', observation: stranger });
    expect(bench.out).toHaveLength(4);
  });

  it('quarantines a check whose probe throws, and lives on', async () => {
    const bench = engineBench({ probe: () => Promise.reject(new Error('oops')) });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: many(3), remove: [] });
    await bench.clock.advance(60_000);
    expect(bench.looks.length).toBeLessThanOrEqual(3);
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(bench.out.find(({ kind }) => kind === 'observed')).toMatchObject({
      observation: { outcome: { kind: 'skip', cause: 'plugin-error', detail: 'oops' } },
      verdict: { health: 'unknown' },
    });
    await stop();
  });

  it('does not wait for a probe that ignores its deadline', async () => {
    const bench = engineBench({ probe: () => new Promise(() => undefined) });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(10_000);
    expect(bench.out.find(({ kind }) => kind === 'observed')).toMatchObject({
      observation: {
        outcome: { kind: 'skip', cause: 'plugin-error', detail: 'did not stop at its deadline' },
      },
    });
    await stop();
    expect(bench.clock.pending).toBe(0);
  });

  it('does not hold a timeout against the target when it noticed it late itself', async () => {
    const bench = engineBench({
      check: { timeout: 1_000 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(1_000 + 151, signal).catch(() => undefined);
        if (signal.aborted) await clock.sleep(151, new AbortController().signal);
        return { kind: 'fail', cause: 'request-timeout', reached: true, detail: 'no answer' };
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(8_000);
    expect(bench.out.find(({ kind }) => kind === 'observed')).toMatchObject({
      observation: { outcome: { kind: 'skip', cause: 'prober-overload' } },
    });
    await stop();
  });

  it('lets looks in flight end when it is told to stop', async () => {
    const bench = engineBench({
      probe: async (_instance, signal, clock) => {
        await clock.sleep(1_500, signal);
        return { kind: 'pass' };
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    while (bench.looks.length === 0) await bench.clock.advance(100);
    const stopping = stop();
    await bench.clock.advance(1_600);
    await stopping;
    expect(bench.out.filter(({ kind }) => kind === 'observed')).toHaveLength(1);
    expect(bench.clock.pending).toBe(0);
  });

  it('assigns and removes 50,000 targets', () => {
    const bench = engineBench();
    const targets = many(50_000);
    bench.engine.tell({ kind: 'assign', add: targets, remove: [] });
    bench.engine.tell({ kind: 'assign', add: [], remove: targets.map(({ id }) => id) });
    expect(bench.clock.pending).toBe(0);
  });
});
