/**
 * What judging costs: nanoseconds of CPU an outcome, and bytes of state a target. `npm run bench:judge`, a few seconds; fails
 * where the window that is the default is not within its bounds. A case goes through the engine's judge, with its peers and
 * background loss; the others through the rule alone.
 */

import type { InstanceId } from '../src/core/instance.ts';
import type { Observation } from '../src/core/observation.ts';
import type { Env, Rule, RulePlugin } from '../src/core/rule.ts';
import type { Target, TargetId } from '../src/core/target.ts';
import { Judge } from '../src/engine/judge.ts';
import { consecutiveRule } from '../src/rules/consecutive.ts';
import { successRateRule } from '../src/rules/success-rate.ts';

interface Case {
  readonly name: string;
  readonly plugin: RulePlugin;
  readonly options: object;
  /** Milliseconds between outcomes. */
  readonly every: number;
}

const ADAPTIVE = { window: 'adaptive' };
const NOBODY = '' as TargetId;

const CASES: readonly Case[] = [
  { name: 'consecutive', plugin: consecutiveRule, options: {}, every: 1_000 },
  { name: 'success-rate, adaptive', plugin: successRateRule, options: ADAPTIVE, every: 1_000 },
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

const WARM_UP = 20_000;
const OUTCOMES = 40_000;
/** The best round counts: the others shared the machine. */
const ROUNDS = 7;
/** Of the adaptive window. */
const MOST = { nanoseconds: 2_000, bytes: 400 };
/** One in so many fails, so that counters and reasons are exercised. */
const FAILS = 7;

interface Cost {
  readonly nanoseconds: number;
  readonly bytes: number;
}

for (const one of CASES) {
  const cost = measure(one);
  tell(one.name, cost);
  if (one.options === ADAPTIVE) check(one.name, cost);
}
const judged = measureJudge();
tell('through the judge, adaptive', judged);
check('through the judge, adaptive', judged);

function tell(name: string, { nanoseconds, bytes }: Cost): void {
  const cost = `${String(Math.round(nanoseconds)).padStart(6)} ns an outcome`;
  process.stdout.write(`${name.padEnd(28)}${cost}${String(bytes).padStart(8)} bytes of state\n`);
}

function check(name: string, { nanoseconds, bytes }: Cost): void {
  if (nanoseconds < MOST.nanoseconds && bytes < MOST.bytes) return;
  process.stdout.write(`NOT MET: ${name}: allowed ${MOST.nanoseconds} ns and ${MOST.bytes} bytes\n`);
  process.exitCode = 1;
}

/** Nanoseconds of CPU for each outcome that `feed` feeds, of the best round. */
function best(feed: (count: number) => void): number {
  feed(WARM_UP);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    feed(OUTCOMES);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, ((user + system) * 1_000) / OUTCOMES);
  }
  return least;
}

/** A hundred targets of ten services, as the engine has them judged. */
function measureJudge(): Cost {
  const rule = make(successRateRule, ADAPTIVE);
  const judge = new Judge();
  let now = Date.UTC(2026, 0, 1);
  const targets = Array.from({ length: 100 }, (_, i) => targetOf(i));
  for (const one of targets) judge.open(one, rule, now);
  let fed = 0;
  const nanoseconds = best((count) => {
    for (let i = 0; i < count; i++, fed++) {
      now += 10;
      judge.hear({ ...observation(fed % FAILS !== 0, now), target: targets[fed % 100]?.id ?? NOBODY }, now);
    }
  });
  const bytes = Math.max(...targets.map(({ id }) => JSON.stringify(judge.stateOf(id)).length));
  return { nanoseconds, bytes };
}

function targetOf(i: number): Target {
  const instance = {
    id: `i${i}` as InstanceId,
    registry: 'r',
    namespace: 'default',
    service: `s${i % 10}`,
    key: `h${i}:80`,
    incarnation: '',
    revision: '',
    host: `h${i}`,
    port: 80,
    metadata: {},
    enabled: true,
    draining: false,
  };
  const seed = { health: 'unknown', reason: 'no-evidence', graceUntil: 0 } as const;
  return { id: `t${i}` as TargetId, check: 'web', instance, seed };
}

function measure({ plugin, options, every }: Case): Cost {
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
  const nanoseconds = best(feed);
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
