/** What judging costs: nanoseconds an outcome, and bytes of state a target. `node bench/judge.bench.ts`; about two seconds. */

import type { Observation } from '../src/core/observation.ts';
import type { Env, Rule, RulePlugin } from '../src/core/rule.ts';
import type { TargetId } from '../src/core/target.ts';
import { consecutiveRule } from '../src/rules/consecutive.ts';
import { successRateRule } from '../src/rules/success-rate.ts';

interface Case {
  readonly name: string;
  readonly plugin: RulePlugin;
  readonly options: object;
  /** Milliseconds between outcomes. */
  readonly every: number;
}

const CASES: readonly Case[] = [
  { name: 'consecutive', plugin: consecutiveRule, options: {}, every: 1_000 },
  { name: 'success-rate, adaptive', plugin: successRateRule, options: { window: 'adaptive' }, every: 1_000 },
  { name: 'success-rate, 20', plugin: successRateRule, options: { window: { count: 20 } }, every: 1_000 },
  { name: 'success-rate, 100', plugin: successRateRule, options: { window: { count: 100 } }, every: 1_000 },
  {
    name: 'success-rate, 60s of 1s',
    plugin: successRateRule,
    options: { window: { time: '60s' } },
    every: 1_000,
  },
  {
    name: 'success-rate, 60s of 100ms',
    plugin: successRateRule,
    options: { window: { time: '60s' } },
    every: 100,
  },
  {
    name: 'success-rate, 1h of 1s',
    plugin: successRateRule,
    options: { window: { time: '1h' } },
    every: 1_000,
  },
];

const WARM_UP = 10_000;
const OUTCOMES = 40_000;
/** One in so many fails, so that counters and reasons are exercised. */
const FAILS = 7;

for (const one of CASES) {
  const { nanoseconds, bytes } = measure(one);
  const cost = `${String(Math.round(nanoseconds)).padStart(6)} ns an outcome`;
  process.stdout.write(`${one.name.padEnd(28)}${cost}${String(bytes).padStart(8)} bytes of state\n`);
}

function measure({ plugin, options, every }: Case): { nanoseconds: number; bytes: number } {
  const rule = make(plugin, options);
  let state = rule.initial({ health: 'unknown', reason: 'no-evidence', graceUntil: 0 });
  let now = Date.UTC(2026, 0, 1);
  const feed = (count: number): void => {
    for (let i = 0; i < count; i++) {
      now += every;
      const env: Env = { now, backgroundLoss: 0, peers: { total: 3, serving: 3 } };
      state = rule.step(state, observation(i % FAILS !== 0, now), env).state;
    }
  };
  feed(WARM_UP);
  const started = performance.now();
  feed(OUTCOMES);
  const nanoseconds = ((performance.now() - started) * 1e6) / OUTCOMES;
  return { nanoseconds, bytes: JSON.stringify(state).length };
}

function observation(passed: boolean, at: number): Observation {
  const outcome = passed
    ? ({ kind: 'pass' } as const)
    : ({ kind: 'fail', cause: 'status', reached: true, detail: 'status 500' } as const);
  return { target: 't' as TargetId, at, duration: 1, vantage: 'here', occasion: 'scheduled', outcome };
}

function make(plugin: RulePlugin, options: object): Rule {
  const result = plugin.options['~standard'].validate(options);
  if (result instanceof Promise || result.issues !== undefined) throw new Error(JSON.stringify(result));
  return plugin.create(result.value, { interval: 5_000 });
}
