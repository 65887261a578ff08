import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Check } from '../../src/core/check.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Rule } from '../../src/core/rule.ts';
import { examine } from '../../src/engine/examine.ts';
import { consecutiveRule } from '../../src/rules/consecutive.ts';
import { ruleOf } from '../contracts/rule.contract.ts';
import { checkNamed } from '../support/check.ts';
import { engineBench, target } from '../support/engine-bench.ts';

const good = ruleOf(consecutiveRule);
const badly = (change: Partial<Record<keyof Rule, () => unknown>>): Rule =>
  ({
    initial: good.initial.bind(good),
    step: good.step.bind(good),
    verdict: good.verdict.bind(good),
    ...change,
  }) as unknown as Rule;

const verdict = { health: 'healthy', reason: 'passing', numbers: {} };
const step = { state: {}, verdict, cadence: 'normal', confirmations: 0 };

describe('a plugin that misbehaves stops with its check, never with the process', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['something else', { ok: true }],
    ['a cause that there is not', { kind: 'fail', cause: 'bad-mood', reached: true, detail: '' }],
    ['a failure that does not say whether it reached', { kind: 'fail', cause: 'status', detail: '' }],
    ['a cause of ours as a failure', { kind: 'fail', cause: 'prober-limit', reached: true, detail: '' }],
  ])('a probe that answers with %s', async (_, answer) => {
    const bench = engineBench({ probe: () => Promise.resolve(answer as Outcome) });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(30_000);
    expect(bench.looks).toHaveLength(1);
    expect(bench.out.find(({ kind }) => kind === 'observed')).toMatchObject({
      observation: { outcome: { kind: 'skip', cause: 'plugin-error', detail: 'answered with no outcome' } },
    });
    await stop();
    expect(bench.clock.pending).toBe(0);
  });

  const boom = (): never => {
    throw new Error('boom');
  };

  it.each<[string, Rule]>([
    ['that throws at the start', badly({ initial: boom })],
    ['that throws at a step', badly({ step: boom })],
    ['whose verdict throws', badly({ verdict: boom })],
    ['that answers with nothing', badly({ step: () => undefined })],
    ['without a verdict', badly({ step: () => ({ state: {} }) })],
    [
      'with a health that there is not',
      badly({ step: () => ({ ...step, verdict: { ...verdict, health: 'ill' } }) }),
    ],
    [
      'with a reason that there is not',
      badly({ step: () => ({ ...step, verdict: { ...verdict, reason: 'x' } }) }),
    ],
    ['with a cadence that there is not', badly({ step: () => ({ ...step, cadence: 'fast' }) })],
    ['that wants a billion looks', badly({ step: () => ({ ...step, confirmations: 1e9 }) })],
  ])('a rule %s', async (_, rule) => {
    const bench = engineBench({ ownRule: rule });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(30_000);
    expect(bench.looks.length).toBeLessThanOrEqual(1);
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(bench.out.filter(({ kind }) => kind !== 'numbers')).toEqual([]);
    await stop();
    expect(bench.clock.pending).toBe(0);
  });

  it('runs none of the looks that wait for a limit when their check broke', async () => {
    const bench = engineBench({
      limits: { concurrency: 1, perHost: 1 },
      probe: async (_instance, signal, clock) => {
        await clock.sleep(1_900, signal);
        throw new Error('oops');
      },
    });
    const stop = bench.start();
    const add = Array.from({ length: 50 }, (__, index) => target(`h${index}`));
    bench.engine.tell({ kind: 'assign', add, remove: [] });
    await bench.clock.advance(60_000);
    expect(bench.looks).toHaveLength(1);
    await stop();
  });

  it('gives a check that was made anew another chance', async () => {
    let remade: Check | undefined;
    let broken = true;
    const bench = engineBench({
      remade: () => remade,
      probe: () => (broken ? Promise.reject(new Error('oops')) : Promise.resolve({ kind: 'pass' })),
    });
    const stop = bench.start();
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(20_000);
    expect(bench.looks).toHaveLength(1);
    broken = false;
    bench.engine.tell({ kind: 'assign', add: [], remove: [target('a').id] });
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(20_000);
    expect(bench.looks).toHaveLength(1);
    remade = { ...checkNamed('web') };
    bench.engine.tell({ kind: 'assign', add: [], remove: [target('a').id] });
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(20_000);
    expect(bench.looks).toHaveLength(5);
    await stop();
  });
});

describe('a stall of our own', () => {
  it('that outlasts the deadline and its grace is not the fault of the probe', async () => {
    const polite = {
      run: (_instance: unknown, signal: AbortSignal) =>
        new Promise<Outcome>((resolve) => {
          const answer: Outcome = { kind: 'fail', cause: 'connect-timeout', reached: false, detail: '' };
          signal.addEventListener('abort', () => resolve(answer), { once: true });
        }),
    };
    const looking = examine(polite, target('a').instance, 50, systemClock, new AbortController().signal);
    const until = systemClock.now() + 1_200;
    while (systemClock.now() < until);
    expect(await looking).toMatchObject({
      broken: false,
      outcome: { kind: 'skip', cause: 'prober-overload' },
    });
  });
});

describe('a bug of our own', () => {
  it('ends the engine with what was thrown', async () => {
    const bench = engineBench({
      emit: (message) => {
        if (message.kind === 'observed') throw new RangeError('a bug');
      },
    });
    const done = bench.engine.run(new AbortController().signal);
    const failed = expect(done).rejects.toThrow('a bug');
    bench.engine.tell({ kind: 'assign', add: [target('a')], remove: [] });
    await bench.clock.advance(10_000);
    await failed;
    expect(bench.clock.pending).toBe(0);
  });
});
