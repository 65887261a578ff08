/**
 * The worked examples of docs/detection.md: the shipping engine and rule on the manual clock. Where they differ from the
 * page, `SONDE_UPDATE_EXAMPLES=1 npm test -- test/detection-examples.test.ts` writes them anew.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FromEngine } from '../src/core/engine.ts';
import type { Outcome } from '../src/core/outcome.ts';
import type { SelfDoubt } from '../src/core/self-doubt.ts';
import { SUB_HEALTHY_AT, subHealthyWeights } from '../src/rules/adaptive/sub-healthy.ts';
import { successRateRule } from '../src/rules/success-rate.ts';
import { ruleOf } from './contracts/rule.contract.ts';
import { engineBench, target } from './support/engine-bench.ts';

const PAGE = join(import.meta.dirname, '../docs/detection.md');
const HEALTHY_LATENCY = 20;
const CONNECT_TIMEOUT = 500;

const PASS: Outcome = { kind: 'pass' };
const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };
const NO_ANSWER: Outcome = {
  kind: 'fail',
  cause: 'connect-timeout',
  reached: false,
  detail: `no connection within ${CONNECT_TIMEOUT} ms`,
};
const STATUS: Outcome = { kind: 'fail', cause: 'status', reached: true, detail: 'status 503' };

/** What a look finds, and how long that takes; `nth` looks of that target since the fault came before it. */
type Sight = (nth: number, sinceFault: number) => { readonly outcome: Outcome; readonly takes: number };

interface Example {
  /** How many of the ten instances of the service have the fault. */
  readonly ill?: number;
  readonly sight: Sight;
  /** Seconds that are watched. */
  readonly watch: number;
  /** Every look of the first instance, or only those that change its health. */
  readonly show: 'looks' | 'changes';
  readonly doubt?: Partial<SelfDoubt>;
}

const answers = (outcome: Outcome, takes = HEALTHY_LATENCY) => ({ outcome, takes });

const EXAMPLES: Readonly<Record<string, Example>> = {
  refused: { sight: () => answers(REFUSED, 1), watch: 8, show: 'looks' },
  'black-hole': { sight: () => answers(NO_ANSWER, CONNECT_TIMEOUT), watch: 9, show: 'looks' },
  'one-lost': {
    sight: (nth) => (nth === 0 ? answers(NO_ANSWER, CONNECT_TIMEOUT) : answers(PASS)),
    watch: 9,
    show: 'looks',
  },
  'status-100': { sight: () => answers(STATUS), watch: 60, show: 'changes' },
  'status-50': { sight: (nth) => answers(nth % 2 === 0 ? STATUS : PASS), watch: 120, show: 'changes' },
  dependency: { ill: 10, sight: () => answers(STATUS), watch: 180, show: 'changes' },
  slow: { sight: () => answers(PASS, 3 * HEALTHY_LATENCY), watch: 60, show: 'changes' },
  back: {
    sight: (_nth, since) => (since < 60_000 ? answers(REFUSED, 1) : answers(PASS)),
    watch: 150,
    show: 'changes',
  },
  doubt: {
    sight: () => answers(NO_ANSWER, CONNECT_TIMEOUT),
    watch: 20,
    show: 'looks',
    doubt: { credible: false },
  },
};

/** Ten healthy instances, looked at every 5 s; the fault comes 2.5 s after a look at the first one. */
async function run({ ill = 1, sight, watch, show, doubt = {} }: Example): Promise<string> {
  const rule = ruleOf(successRateRule, {});
  let fault = Number.POSITIVE_INFINITY;
  const seen = new Map<string, number>();
  const doubting: { credible?: boolean } = {};
  const bench = engineBench({
    ownRule: rule,
    doubt: doubting,
    probe: async ({ key }, signal, clock) => {
      const nth = seen.get(key) ?? 0;
      const struck = clock.now() >= fault && Number(key.slice(1)) < ill;
      if (struck) seen.set(key, nth + 1);
      const { outcome, takes } = struck ? sight(nth, clock.now() - fault) : answers(PASS);
      await clock.sleep(takes, signal);
      return outcome;
    },
  });
  const stop = bench.start();
  const targets = Array.from({ length: 10 }, (_, i) => target(`h${i}`));
  const [first] = targets;
  if (first === undefined) throw new Error('ten of them');
  bench.engine.tell({ kind: 'assign', add: targets, remove: [] });
  await bench.clock.advance(120_000);
  bench.looks.length = 0;
  while (!bench.looks.some(({ key }) => key === 'h0')) await bench.clock.advance(10);
  await bench.clock.advance((bench.looks.at(-1)?.at ?? 0) + 2_500 - bench.clock.now());
  fault = bench.clock.now();
  bench.out.length = 0;
  Object.assign(doubting, doubt);
  await bench.clock.advance(watch * 1_000);
  const told = bench.out.filter(
    (message): message is Extract<FromEngine, { kind: 'observed' }> =>
      message.kind === 'observed' && message.observation.target === first.id,
  );
  const stopping = stop();
  await bench.clock.advance(5_000);
  await stopping;
  return text(told, fault, rule, show);
}

function text(
  told: readonly Extract<FromEngine, { kind: 'observed' }>[],
  fault: number,
  rule: ReturnType<typeof ruleOf>,
  show: Example['show'],
): string {
  const time = (at: number): string => new Date(at).toISOString().slice(11, 19);
  const lines: string[] = [];
  let before = 'healthy';
  for (const { observation, verdict, state } of told) {
    const changed = verdict.health !== before;
    before = verdict.health;
    if (show === 'changes' && !changed) continue;
    const explained = rule.explain?.(state, { now: observation.at, time });
    const { evidenceForDead, deadAt, evidenceForSubHealthy, subHealthyAt } = explained?.counters ?? {};
    const after = `${((observation.at - fault) / 1_000).toFixed(1).padStart(6)} s`;
    const evidence =
      show === 'changes'
        ? ''
        : `  dead ${tenths(evidenceForDead)} of ${deadAt}, sub-healthy ${tenths(evidenceForSubHealthy)} of ${subHealthyAt}`;
    lines.push(`${after}  ${found(observation.outcome).padEnd(27)}  ${verdict.health.padEnd(11)}${evidence}`);
    if (changed) lines.push(`          ${verdict.reason}: ${explained?.because}`);
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}

function found(outcome: Outcome): string {
  return outcome.kind === 'pass' ? 'pass' : outcome.detail;
}

function tenths(value: unknown): string {
  return Number(value).toFixed(1).padStart(4);
}

/** Between the markers of an example, within a fenced block. */
function blockOf(page: string, name: string): { readonly from: number; readonly to: number } {
  const [start, end] = [`<!-- example:${name} -->\n\`\`\`text\n`, `\n\`\`\`\n<!-- /example:${name} -->`];
  const from = page.indexOf(start) + start.length;
  const to = page.indexOf(end);
  if (from < start.length || to < from - 1) throw new Error(`docs/detection.md has no example ${name}`);
  return { from, to: Math.max(from, to) };
}

describe('the tables of docs/detection.md', () => {
  const page = readFileSync(PAGE, 'utf8');
  /** Cells of the first row that begins so, without its head. */
  const row = (head: string): readonly string[] => {
    const line = page.split('\n').find((one) => one.startsWith(`| ${head} |`)) ?? '';
    return line
      .split('|')
      .slice(2, -1)
      .map((cell) => cell.trim());
  };

  it('say how many failures of so many looks make sub-healthy', () => {
    const { failure, pass } = subHealthyWeights(0.84, 0.01);
    const looks = row('looks').map(Number);
    const needed = looks.map((m) => Math.ceil((SUB_HEALTHY_AT + pass * m) / (failure + pass)));
    expect(row('failures needed').map(Number)).toEqual(needed);
    const rates = looks.map((m, i) => Math.floor((100 * (m - (needed[i] ?? 0))) / m + 0.5));
    expect(row('success rate at or below')).toEqual(rates.map((rate) => `${rate} %`));
  });
});

describe('the worked examples of docs/detection.md', () => {
  it.each(Object.entries(EXAMPLES))('%s', async (name, example) => {
    const lived = await run(example);
    const page = readFileSync(PAGE, 'utf8');
    const { from, to } = blockOf(page, name);
    if (process.env.SONDE_UPDATE_EXAMPLES === '1')
      writeFileSync(PAGE, page.slice(0, from) + lived + page.slice(to));
    else expect(page.slice(from, to)).toBe(lived);
  });

  it('are all there are', () => {
    const named = [...readFileSync(PAGE, 'utf8').matchAll(/<!-- example:(\S+) -->/g)].map(([, name]) => name);
    expect(named.toSorted()).toEqual(Object.keys(EXAMPLES).toSorted());
  });
});
