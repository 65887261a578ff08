import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { successRateRule } from '../../src/rules/success-rate.ts';
import { describeRule, ruleOf } from '../contracts/rule.contract.ts';
import { steps, timeline, UNKNOWN } from '../support/timeline.ts';

describeRule(successRateRule);
describeRule(successRateRule, { window: { time: '60s' }, minSamples: 10, deadBelow: 0 });
describeRule(successRateRule, { window: { count: 10 }, slowOver: '1s', confirm: 2 });
describeRule(successRateRule, { window: 'adaptive' });
describeRule(successRateRule, { window: 'adaptive', subHealthyBelow: '95%', slowOver: '1s' });

const TEN = { window: { count: 10 } };

describe('success-rate', () => {
  const rule = ruleOf(successRateRule, TEN);

  it.each([
    ['nothing is judged on fewer than minSamples', '++++', 'uuuu'],
    ['from unknown: healthy at the rate or better', '+++++', 'uuuuh'],
    ['from unknown: sub-healthy below it', '+++--', 'uuuus'],
    ['from unknown: dead after fall in a row, which needs no minSamples', 'xxx', 'uud'],
    ['dead again after fall in a row, in a fresh window too', 'xxx++xxx', 'uudd' + 'ss' + 'sd'],
    ['one failure of ten is below 84 % only until the window has grown', '++++++++++-', 'uuuuhhhhhhh'],
    ['two of ten are 80 %', '++++++++++--', 'uuuuhhhhhhhs'],
    ['back to healthy at 89 %', '++++++++++--+++++++++', 'uuuuhhhhhhhsssssssssh'],
    ['dead after three in a row that did not reach', '++++++++++xxx', 'uuuuhhhhhhhsd'],
    ['failures that reach are no evidence for dead', '++++++++++xx-xx-', 'uuuuhhhhhhhsssss'],
    [
      'dead to sub-healthy after two in a row that reached, and the window starts afresh',
      'xxxxx-+++++',
      'uuddddsssss',
    ],
    ['a fresh window needs minSamples again', 'xxxxx+++++++', 'uuddddsssssh'],
  ])('%s', (_, outcomes, healths) => {
    const got = timeline(rule, outcomes);
    expect(got.length).toBe(outcomes.length);
    expect(got).toBe(healths);
  });

  it('comes from dead over sub-healthy to healthy', () => {
    expect(timeline(rule, 'xxxxx++' + '+++++')).toBe('uuddd' + 'ds' + 'ssssh');
  });

  it('makes not-serving dead over a full window while peers serve', () => {
    const served = '++++++++++';
    expect(timeline(rule, `${served}${'-'.repeat(10)}`)).toMatch(/sd$/);
    expect(steps(rule, `${served}${'-'.repeat(10)}`).at(-1)?.verdict.reason).toBe('not-serving');
    // 1 of 10 still passes: 10 % is not below 10 %.
    expect(timeline(rule, `${served}${'-'.repeat(9)}`)).toMatch(/s$/);
  });

  it('comes back from not-serving only when it passes', () => {
    expect(timeline(rule, `${'-'.repeat(10)}${'-'.repeat(10)}`)).toMatch(/d$/);
    expect(timeline(rule, `${'-'.repeat(20)}++`)).toMatch(/ds$/);
  });

  it('suspects the dependency when no peer serves either', () => {
    const peers = { total: 3, serving: 0 };
    const last = steps(rule, '-'.repeat(20), { peers }).at(-1)?.verdict;
    expect(last).toMatchObject({ health: 'sub-healthy', reason: 'dependency-suspected' });
  });

  it('never takes the only instance of a service for not serving', () => {
    const peers = { total: 0, serving: 0 };
    const last = steps(rule, '-'.repeat(50), { peers }).at(-1)?.verdict;
    expect(last).toMatchObject({ health: 'sub-healthy', reason: 'low-success-rate' });
  });

  it('can have not-serving switched off', () => {
    expect(timeline(ruleOf(successRateRule, { ...TEN, deadBelow: 0 }), '-'.repeat(50))).toMatch(/s$/);
  });

  it('latches the reason', () => {
    const reasons = steps(rule, '++++++++++--------+-+-').map(({ verdict }) => verdict.reason);
    expect(new Set(reasons.slice(11, 18))).toEqual(new Set(['low-success-rate']));
    const dead = steps(rule, 'xxxxx');
    expect(dead.at(-1)?.verdict.reason).toBe('connect-refused');
  });

  it('counts slow passes as not passed and says so', () => {
    const slow = ruleOf(successRateRule, { ...TEN, slowOver: '1s' });
    const last = steps(slow, '++++++++++~~').at(-1)?.verdict;
    expect(last).toMatchObject({
      health: 'sub-healthy',
      reason: 'slow',
      numbers: { passed: 8, total: 10, reach: 1 },
    });
  });

  it('sees a refused connection though its span never holds minSamples', () => {
    const short = ruleOf(successRateRule, { window: { time: '10s' } });
    const seed = { health: 'healthy', reason: 'passing', graceUntil: 0 } as const;
    expect(timeline(short, 'xxx-+', { every: 5_000, seed })).toBe('hhdds');
  });

  it('takes no span for full that emptied over a gap', () => {
    const minute = ruleOf(successRateRule, { window: { time: '60s' } });
    const before = steps(minute, '+'.repeat(100)).at(-1)?.state;
    const resumed = { ...minute, initial: () => before, step: minute.step.bind(minute) };
    expect(timeline(resumed, '-'.repeat(62), { from: 1_000_000 })).toBe(
      `${'h'.repeat(4)}${'s'.repeat(56)}dd`,
    );
  });

  it.each([
    ['80%', 0.85],
    ['84%', 0.89],
    ['90%', 0.95],
    ['97%', 1],
  ])('comes back at exactly five points above %s', (subHealthyBelow, healthyAbove) => {
    const result = successRateRule.options['~standard'].validate({ window: { count: 20 }, subHealthyBelow });
    expect(result).toMatchObject({ value: { healthyAbove } });
  });

  it('refuses what is no window in words', () => {
    const result = successRateRule.options['~standard'].validate({ window: 'adaptiv' });
    expect(result).toMatchObject({ issues: [{ message: expect.stringContaining('adaptive') }] });
  });

  it('refuses contradictions with the place', () => {
    const issues = (options: object) => {
      const result = successRateRule.options['~standard'].validate(options);
      if (result instanceof Promise) throw new Error('asynchronous');
      return result.issues?.map(({ path }) => path?.map(String).join('.'));
    };
    expect(issues({ window: { count: 20 }, healthyAbove: '80%' })).toEqual(['healthyAbove']);
    expect(issues({ deadBelow: '90%' })).toEqual(['deadBelow']);
    expect(issues({ window: { count: 4 } })).toEqual(['minSamples']);
    expect(issues({ window: 'adaptive' })).toBeUndefined();
    expect(issues({ window: 'adaptive', minSamples: 5, fall: 3, confirm: 1 })).toEqual([
      'minSamples',
      'fall',
      'confirm',
    ]);
    expect(issues({ window: { count: 20 }, falseDeathsPerYear: 1 })).toEqual(['falseDeathsPerYear']);
    expect(issues({ healthyAbove: '90%' })).toEqual(['healthyAbove']);
    expect(issues({ deadBelow: 0, subHealthyBelow: 0 })).toBeUndefined();
    expect(issues({ window: { count: 4, time: '5s' } })).toEqual(['window']);
    expect(issues({})).toBeUndefined();
  });

  it('looks faster while a change is pending and slower while dead', () => {
    expect(steps(rule, '+++++-xxx').map(({ cadence }) => cadence)).toEqual([
      'suspicious',
      'suspicious',
      'suspicious',
      'suspicious',
      'normal',
      'normal',
      'suspicious',
      'suspicious',
      'dead',
    ]);
  });
});

describe('its windows, against a naive recount', () => {
  /** In half seconds, so that ages meet the span exactly. */
  const STEPS = fc.nat(10).map((halves) => halves * 500);
  const passes = fc.array(fc.record({ mark: fc.constantFrom('+', '-', 'x', 'o'), gap: STEPS }), {
    maxLength: 120,
    size: 'max',
  });

  it('of a count', () => {
    fc.assert(
      fc.property(passes, fc.integer({ min: 5, max: 30 }), (list, count) => {
        const rule = ruleOf(successRateRule, { window: { count }, fall: 1_000, deadBelow: 0 });
        recount(rule, list, (seen) => seen.slice(-count));
      }),
    );
  });

  it('of a span of time', () => {
    fc.assert(
      fc.property(passes, fc.integer({ min: 1, max: 60 }), (list, seconds) => {
        const rule = ruleOf(successRateRule, { window: { time: `${seconds}s` }, fall: 1_000, deadBelow: 0 });
        recount(rule, list, (seen, now) => seen.filter(({ at }) => now - at <= seconds * 1_000));
      }),
    );
  });

  interface Seen {
    readonly mark: string;
    readonly at: number;
  }

  function recount(
    rule: ReturnType<typeof ruleOf>,
    list: readonly { readonly mark: string; readonly gap: number }[],
    keep: (seen: readonly Seen[], now: number) => readonly Seen[],
  ): void {
    let state = rule.initial(UNKNOWN);
    let now = 0;
    const seen: Seen[] = [];
    for (const { mark, gap } of list) {
      now += gap;
      const step = steps(
        { ...rule, initial: () => state, step: rule.step.bind(rule), verdict: rule.verdict.bind(rule) },
        mark,
        { from: now },
      )[0];
      if (step === undefined) throw new Error('no step');
      state = step.state;
      if (mark === 'o') continue;
      seen.push({ mark, at: now });
      const kept = keep(seen, now);
      const passed = kept.filter((one) => one.mark === '+').length;
      const reached = kept.filter((one) => one.mark !== 'x').length;
      expect(step.verdict.numbers).toMatchObject({
        passed,
        total: kept.length,
        reach: reached / kept.length,
        windowStart: kept[0]?.at,
      });
    }
  }
});
