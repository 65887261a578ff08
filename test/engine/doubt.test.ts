import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/core/observation.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { consecutiveRule } from '../../src/rules/consecutive.ts';
import { successRateRule } from '../../src/rules/success-rate.ts';
import { ruleOf } from '../contracts/rule.contract.ts';
import { type BenchOptions, engineBench, target } from '../support/engine-bench.ts';

const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };
const TIMED_OUT: Outcome = { kind: 'fail', cause: 'connect-timeout', reached: false, detail: 'no answer' };
const adaptive = () => ruleOf(successRateRule, { window: 'adaptive' });

/** One target at once, watched for `ms`. */
async function watched(options: BenchOptions, ms: number) {
  const bench = engineBench(options);
  const stop = bench.start();
  bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
  await bench.clock.advance(ms);
  const healths = bench.out.flatMap((message) =>
    message.kind === 'transition' ? [message.transition.to] : [],
  );
  const observations = bench.out.flatMap((message) =>
    message.kind === 'observed' ? [message.observation] : [],
  );
  return { ...bench, stop, healths, observations };
}

describe('an engine whose prober doubts itself', () => {
  it.each([
    ['success-rate, adaptive', adaptive()],
    ['success-rate, fixed', ruleOf(successRateRule, { window: { count: 10 } })],
    ['consecutive', ruleOf(consecutiveRule)],
  ])('holds no failure against the target, and every pass for it: %s', async (_name, ownRule) => {
    const doubt = { credible: false };
    let outcome: Outcome = REFUSED;
    const bench = await watched({ ownRule, doubt, probe: () => Promise.resolve(outcome) }, 120_000);
    expect(bench.healths).toEqual([]);
    expect(bench.observations.every(({ credible }) => credible === false)).toBe(true);
    outcome = { kind: 'pass' };
    await bench.clock.advance(60_000);
    expect(bench.out.findLast(({ kind }) => kind === 'transition')).toMatchObject({
      transition: { to: 'healthy' },
    });
    outcome = REFUSED;
    await bench.clock.advance(120_000);
    expect(bench.out.findLast(({ kind }) => kind === 'transition')).toMatchObject({
      transition: { to: 'healthy' },
    });
    await bench.stop();
  });

  it('keeps to its schedule while nothing that it would confirm is evidence', async () => {
    const doubt = { credible: false };
    const options = { ownRule: adaptive(), doubt, probe: () => Promise.resolve(REFUSED) };
    const bench = await watched(options, 60_000);
    expect(bench.looks).toHaveLength(12);
    await bench.stop();
    expect(bench.clock.pending).toBe(0);
  });

  it('looks at its own pace where its rule wants a faster one that it may not have', async () => {
    const check = { interval: 5_000, edgeInterval: 1_000 };
    const doubt = { credible: false };
    const bench = await watched({ check, doubt, probe: () => Promise.resolve(REFUSED) }, 60_000);
    expect(bench.looks.length).toBeGreaterThanOrEqual(11);
    expect(bench.looks.length).toBeLessThanOrEqual(13);
    doubt.credible = true;
    bench.looks.length = 0;
    await bench.clock.advance(3_000);
    expect(bench.looks.length).toBeGreaterThanOrEqual(2);
    await bench.stop();
  });

  it('takes no failure of such a time for background loss, nor for a peer that does not serve', async () => {
    let loss = 0;
    let serving = 0;
    const plain = ruleOf(consecutiveRule);
    const ownRule: BenchOptions['ownRule'] = {
      initial: plain.initial.bind(plain),
      verdict: plain.verdict.bind(plain),
      step: (state, seen, env) => {
        if (seen.target === target('a').id) serving = env.peers.serving;
        loss = env.backgroundLoss;
        return plain.step(state, seen, env);
      },
    };
    const doubt = { credible: true };
    let outcome: Outcome = { kind: 'pass' };
    const bench = engineBench({ ownRule, doubt, probe: () => Promise.resolve(outcome) });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a'), target('b')], remove: [] });
    await bench.clock.advance(20_000);
    expect(serving).toBe(1);
    doubt.credible = false;
    outcome = REFUSED;
    await bench.clock.advance(300_000);
    expect(serving).toBe(1);
    outcome = { kind: 'pass' };
    doubt.credible = true;
    await bench.clock.advance(20_000);
    expect(loss).toBeLessThan(0.011);
    await stop();
  });

  it('waits longer, and tells probes so', async () => {
    const bench = await watched(
      {
        doubt: { timeoutFactor: 2.5 },
        check: { timeout: 1_000 },
        probe: async (_instance, signal, clock) => {
          await clock.sleep(10_000, signal).catch(() => undefined);
          return TIMED_OUT;
        },
      },
      12_000,
    );
    expect(bench.observations[0]).toMatchObject({ duration: 2_500, outcome: TIMED_OUT });
    const stopping = bench.stop();
    await bench.clock.advance(10_000);
    await stopping;
  });

  it('hands every outcome to be tainted, and takes lost time off its duration', async () => {
    const asked: unknown[] = [];
    const bench = await watched(
      {
        doubt: {
          taint: (outcome, from, to, timeout) => {
            asked.push([outcome.kind, to - from, timeout]);
            return outcome.kind === 'fail'
              ? { kind: 'skip', cause: 'prober-overload', detail: 'slept' }
              : outcome;
          },
          lost: (from, to) => (to - from) / 2,
        },
        probe: async (_instance, signal, clock) => {
          await clock.sleep(300, signal);
          return TIMED_OUT;
        },
      },
      6_000,
    );
    expect(asked[0]).toEqual(['fail', 300, 2_000]);
    expect(bench.observations[0]).toMatchObject({ duration: 150, outcome: { kind: 'skip' } });
    const stopping = bench.stop();
    await bench.clock.advance(1_000);
    await stopping;
  });

  it('lets the doubt hear every observation, those of others too, and how late looks begin', async () => {
    const heard: Observation[] = [];
    const late: number[] = [];
    const bench = engineBench({
      doubt: { heard: (one) => heard.push(one), late: (ms) => late.push(ms) },
      limits: { concurrency: 512, perHost: 1 },
      check: { interval: 1_000, edgeInterval: 1_000, deadInterval: 1_000, timeout: 1_000 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(800, signal);
        return { kind: 'pass' };
      },
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a', 'one'), target('b', 'one')], remove: [] });
    await bench.clock.advance(5_000);
    const foreign = { target: target('a').id, at: 0, duration: 1, vantage: 'there' } as const;
    bench.engine.tell({
      kind: 'observe',
      observation: { ...foreign, occasion: 'confirmation', outcome: REFUSED },
    });
    expect(heard.at(-1)).toMatchObject({ vantage: 'there' });
    expect(heard.length).toBeGreaterThan(4);
    // Both share a host that takes one at a time: that they wait for each other is no lateness of ours.
    expect(late.length).toBeGreaterThan(4);
    expect(Math.max(...late)).toBe(0);
    const stopping = stop();
    await bench.clock.advance(2_000);
    await stopping;
  });
});

describe('evidence of several vantages', () => {
  const seen = (vantage: string, outcome: Outcome, at: number, fields: Partial<Observation> = {}) => ({
    kind: 'observe' as const,
    observation: {
      target: target('a').id,
      at,
      duration: 500,
      vantage,
      occasion: 'confirmation' as const,
      outcome,
      ...fields,
    },
  });

  /** Every 250 ms another one of them looks, for `seconds`. */
  async function dieFor(
    bench: ReturnType<typeof engineBench>,
    vantages: readonly string[],
    seconds: number,
  ): Promise<string | undefined> {
    for (let i = 0; i < seconds * 4; i++) {
      await bench.clock.advance(250);
      bench.engine.tell(seen(vantages[i % vantages.length] ?? '', TIMED_OUT, bench.clock.now()));
    }
    const last = bench.out.findLast((message) => message.kind === 'observed');
    return last?.kind === 'observed' ? last.verdict.health : undefined;
  }

  function judged() {
    const bench = engineBench({ ownRule: adaptive() });
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    return bench;
  }

  it('makes nobody dead whom one of them has not missed', async () => {
    const bench = judged();
    bench.engine.tell({ kind: 'vantages', votes: ['a', 'b', 'c'] });
    expect(await dieFor(bench, ['a', 'b'], 10)).toBe('unknown');
    expect(await dieFor(bench, ['c'], 0.25)).toBe('dead');
  });

  it('needs no vote of a vantage that is excused', async () => {
    const bench = judged();
    bench.engine.tell({ kind: 'vantages', votes: ['a', 'b', 'c'] });
    bench.engine.tell({ kind: 'vantages', votes: ['a', 'b'] });
    expect(await dieFor(bench, ['a', 'b'], 10)).toBe('dead');
  });

  it('counts the vote of one that doubts itself, and not its evidence', async () => {
    const bench = judged();
    bench.engine.tell({ kind: 'vantages', votes: ['a', 'b'] });
    for (let i = 0; i < 40; i++) {
      await bench.clock.advance(250);
      bench.engine.tell(seen('b', TIMED_OUT, bench.clock.now(), { credible: false }));
    }
    expect(bench.out.some(({ kind }) => kind === 'transition')).toBe(false);
    await bench.clock.advance(250);
    bench.engine.tell(seen('a', TIMED_OUT, bench.clock.now()));
    await bench.clock.advance(250);
    bench.engine.tell(seen('b', TIMED_OUT, bench.clock.now(), { credible: false }));
    expect(await dieFor(bench, ['a'], 5)).toBe('dead');
  });

  it('ends a suspicion by one pass from anywhere, even of one that doubts itself', async () => {
    const bench = judged();
    bench.engine.tell({ kind: 'vantages', votes: ['a', 'b'] });
    for (let round = 0; round < 10; round++) {
      await dieFor(bench, ['a', 'b'], 0.75);
      await bench.clock.advance(250);
      bench.engine.tell(seen('b', { kind: 'pass' }, bench.clock.now(), { credible: false }));
    }
    const healths = bench.out.flatMap((one) => (one.kind === 'transition' ? [one.transition.to] : []));
    expect(healths).not.toContain('dead');
  });

  it('asks for a look from each other vantage after the first failure', async () => {
    const bench = engineBench({ ownRule: adaptive() });
    bench.engine.tell({ kind: 'vantages', votes: ['here', 'there', 'elsewhere'] });
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    bench.engine.tell(seen('here', TIMED_OUT, bench.clock.now()));
    expect(bench.out.filter(({ kind }) => kind === 'please-confirm')).toEqual([]);
    bench.engine.tell(seen('here', { kind: 'pass' }, bench.clock.now() + 600, { duration: 1 }));
    const scheduled = { occasion: 'scheduled' as const };
    bench.engine.tell(seen('here', TIMED_OUT, bench.clock.now() + 5_000, scheduled));
    expect(bench.out.filter(({ kind }) => kind === 'please-confirm')).toEqual([
      { kind: 'please-confirm', target: target('a').id, looks: 2 },
    ]);
  });
});

describe('a shadow rule', () => {
  it('is told beside the verdict in force, and has no say in it', async () => {
    const shadow = ruleOf(consecutiveRule, { fall: 2 });
    const bench = await watched(
      { rule: { fall: 50 }, shadow, probe: () => Promise.resolve(REFUSED) },
      30_000,
    );
    const last = bench.out.findLast((message) => message.kind === 'observed');
    expect(last).toMatchObject({ verdict: { health: 'unknown' }, shadow: { verdict: { health: 'dead' } } });
    expect(bench.healths).toEqual([]);
    await bench.stop();
  });

  it('that throws is not asked any more, and the check goes on', async () => {
    const plain = ruleOf(consecutiveRule);
    const shadow: BenchOptions['shadow'] = {
      initial: plain.initial.bind(plain),
      verdict: plain.verdict.bind(plain),
      step: () => {
        throw new Error('oops');
      },
    };
    const bench = engineBench({ shadow });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a'), target('b')], remove: [] });
    await bench.clock.advance(30_000);
    expect(bench.looks).toHaveLength(12);
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    await stop();
  });
});
