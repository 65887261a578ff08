import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Health } from '../../../src/core/health.ts';
import type { Env, Rule, Step } from '../../../src/core/rule.ts';
import { successRateRule } from '../../../src/rules/success-rate.ts';
import { ruleOf } from '../../contracts/rule.contract.ts';
import { observation, steps, timeline } from '../../support/timeline.ts';

const rule = ruleOf(successRateRule, { window: 'adaptive' });
const HEALTHY = { health: 'healthy', reason: 'passing', graceUntil: 0 } as const;
const EVERY_HALF = { seed: HEALTHY, every: 500 };
const NARRATION = { now: 100_000, time: (at: number) => `t+${at / 1_000}s` };

describe('the adaptive window', () => {
  it('makes healthy what was unknown after three passes in a row', () => {
    expect(timeline(rule, '++-+++')).toBe('uuuuuh');
  });

  it('is sub-healthy after seven failures in a row, not after six', () => {
    expect(timeline(rule, '-------', EVERY_HALF)).toBe('hhhhhhs');
    expect(timeline(rule, '------+', EVERY_HALF)).toBe('hhhhhhh');
  });

  it('is sub-healthy when half of the looks fail for a while', () => {
    const found = timeline(rule, '-+'.repeat(20), EVERY_HALF);
    expect(found.indexOf('s')).toBe(14);
  });

  it('is not sub-healthy for one failure in ten', () => {
    expect(timeline(rule, '-+++++++++'.repeat(50), EVERY_HALF)).not.toContain('s');
  });

  it('counts lost looks in a row as what a calm observer would have seen of them', () => {
    expect(timeline(rule, 'xxxx+'.repeat(1), { seed: HEALTHY, every: 100 })).toBe('hhhhh');
  });

  it('is dead when refused for two seconds, and not before', () => {
    expect(timeline(rule, 'xxxxxxxxxxxx', { seed: HEALTHY, every: 250 })).toBe('hhhhhhhhdddd');
  });

  it('is dead only once all needed vantages missed it', () => {
    const votes = ['here', 'there'];
    expect(heard('xxxxxx', { votes }).at(-1)?.verdict.health).toBe('healthy');
    const both = heard('xxxxxx', { votes }, (index) => (index % 2 === 0 ? 'here' : 'there'));
    expect(both.at(-1)?.verdict).toMatchObject({ health: 'dead', reason: 'connect-refused' });
    expect(both[0]?.confirmations).toBe(1);
  });

  it('gives the failures of a vantage that doubts itself no weight, and its passes all', () => {
    expect(heard('xxxxxxxxxxxx', { credible: false }).at(-1)?.verdict.health).toBe('healthy');
    expect(heard('------------', { credible: false }).at(-1)?.verdict.health).toBe('healthy');
    const [seen] = heard('+++', { credible: false }, () => 'here', { ...HEALTHY, health: 'unknown' }).slice(
      -1,
    );
    expect(seen?.verdict.health).toBe('healthy');
  });

  it('comes back from dead over sub-healthy to healthy', () => {
    const back = timeline(rule, `${'x'.repeat(10)}${'+'.repeat(40)}`, { seed: HEALTHY });
    expect(back).toMatch(/^h+d+s+h+$/);
    expect(back.match(/s/g)).toHaveLength(27);
  });

  it('holds what flaps longer each time', () => {
    const flapping = `${'x'.repeat(15)}${'+'.repeat(15)}`.repeat(30);
    const health = timeline(rule, flapping, { seed: HEALTHY, every: 2_000 });
    const changes = [...health].filter((one, index) => index > 0 && one !== health[index - 1]).length;
    expect(changes).toBeLessThanOrEqual(11);
  });

  it('makes dead what serves nothing for 30 s while its peers serve', () => {
    const seen = steps(rule, '-'.repeat(60), { seed: HEALTHY });
    const dead = seen.findIndex(({ verdict }) => verdict.health === 'dead');
    expect(dead).toBe(30);
    expect(seen[dead]?.verdict.reason).toBe('not-serving');
    const alone = steps(rule, '-'.repeat(60), { seed: HEALTHY, peers: { total: 0, serving: 0 } });
    expect(alone.at(-1)?.verdict.health).toBe('sub-healthy');
    const off = ruleOf(successRateRule, { window: 'adaptive', deadBelow: 0 });
    expect(timeline(off, '-'.repeat(60), { seed: HEALTHY })).toMatch(/s$/);
  });

  it('suspects the dependency where most of a service turns together', () => {
    const peers = { total: 9, serving: 4, turned: 5 };
    const last = steps(rule, '-'.repeat(60), { seed: HEALTHY, peers }).at(-1)?.verdict;
    expect(last).toMatchObject({ health: 'sub-healthy', reason: 'dependency-suspected' });
  });

  it('asks all others where looks are seldom lost, and one where they often are', () => {
    const votes = ['a', 'b', 'c'];
    const asked = (backgroundLoss: number) =>
      heard('xx', { votes, backgroundLoss }, () => 'a').map(({ confirmations }) => confirmations);
    expect(asked(0.01)).toEqual([2, 0]);
    expect(asked(0.3)).toEqual([1, 0]);
  });

  it('holds nothing against a target that was lost on its way before a later look was answered', () => {
    const judged: Rule = rule;
    const look = (mark: string, began: number, at: number) =>
      ({ ...observation(mark, at), duration: at - began }) as const;
    // Four that overlap: the first three began before the fourth, which was answered first.
    const seen = [look('+', 0, 5), look('+', 1_000, 1_005), look('x', 500, 1_500), look('x', 750, 1_750)];
    let state = judged.initial(HEALTHY);
    const told = seen.map((one) => {
      const step = judged.step(state, one, {
        now: one.at,
        backgroundLoss: 0.01,
        peers: { total: 2, serving: 2 },
      });
      state = step.state;
      return step;
    });
    expect(told.map(({ cadence }) => cadence)).toEqual(['normal', 'normal', 'normal', 'normal']);
    expect(told.at(-1)?.verdict.numbers).toMatchObject({ passed: 2, total: 4, inRow: 2 });
    const { counters } = judged.explain?.(state, NARRATION) ?? {};
    expect(counters).toMatchObject({ missedInRow: 0, evidenceForSubHealthy: 0 });
    expect(Number(counters?.ownLoss)).toBeGreaterThan(0.05);
  });

  it('finds what is slower than its peers', () => {
    const latency = { median: 20, spread: 0.2 };
    const seen = heard('++++++', { peers: { total: 9, serving: 9, latency } }, () => 'here', HEALTHY, 60);
    expect(seen.at(-1)?.verdict).toMatchObject({ health: 'sub-healthy', reason: 'slow' });
    expect(seen[1]?.cadence).toEqual({ within: 500 });
    expect(seen[2]?.cadence).toEqual({ within: 250 });
  });

  it('looks again sooner the more it suspects', () => {
    const cadences = (text: string) => steps(rule, text, EVERY_HALF).map(({ cadence }) => cadence);
    expect(cadences('+x')).toEqual(['normal', { within: 250 }]);
    expect(cadences('-+++')).toEqual([{ within: 500 }, { within: 500 }, { within: 500 }, 'normal']);
  });

  it('says in a sentence what it saw', () => {
    const told = (text: string, every = 500, loss?: number) => {
      const state = steps(rule, text, { seed: HEALTHY, every }).at(-1)?.state;
      return rule.explain?.(state, { ...NARRATION, ...(loss === undefined ? {} : { backgroundLoss: loss }) });
    };
    expect(told('---+-+-----')?.because).toBe(
      '82 % of the last 11 looks failed since t+0s (100 s); a healthy target would show this less than once in a million years',
    );
    // Where looks are lost anyway, the same says less.
    expect(told('---+-+-----', 500, 0.05)?.because).toBe(
      '82 % of the last 11 looks failed since t+0s (100 s); a healthy target would show this once in 490 years',
    );
    expect(told(`-${'++-'.repeat(6)}-+`)?.because).toBe('38 % of the last 21 looks failed since t+0s');
    // What failed before is still among the recent looks.
    expect(told(`-${'++-'.repeat(6)}-++`)?.because).toBe(
      'the last 2 looks passed, 36 % of the last 22 looks failed since t+0s',
    );
    expect(told('+xx')?.because).toBe(
      'none of the last 2 looks reached it since t+0.499s; a healthy target would show this 26 times a year',
    );
    expect(told('+++')?.changes).toEqual([
      { to: 'sub-healthy', when: '7 more looks in a row that fail' },
      { to: 'dead', when: '5 more looks in a row that do not reach it, over at least 2 s' },
    ]);
  });

  it('keeps its state small, whatever it hears', () => {
    const text = fc.string({
      unit: fc.constantFrom('+', '-', 'x'),
      minLength: 100,
      maxLength: 300,
      size: 'max',
    });
    fc.assert(
      fc.property(text, (heardText) => {
        const state = steps(rule, heardText, { seed: HEALTHY, from: 1.8e12, every: 1_700 }).at(-1)?.state;
        expect(JSON.stringify(state).length).toBeLessThan(400);
      }),
    );
  });

  it('believes a saved health for ever and saved evidence for a minute', () => {
    const last = steps(rule, `${'+'.repeat(10)}------`, EVERY_HALF).at(-1)?.state;
    expect(rule.restore?.(last, 10_000)).toEqual(last);
    const later = rule.restore?.(last, 1e9);
    expect(rule.verdict(later)).toMatchObject({ health: 'healthy', numbers: { total: 0 } });
    expect(rule.restore?.({ version: 2 }, 0)).toBeUndefined();
    expect(ruleOf(successRateRule, { window: { count: 20 } }).restore?.(last, 0)).toBeUndefined();
  });
});

/** Looks 500 ms apart in a given environment. */
function heard(
  text: string,
  env: Partial<Env>,
  vantage: (index: number) => string = () => 'here',
  seed: { readonly health: Health; readonly reason: 'passing'; readonly graceUntil: number } = HEALTHY,
  duration = 1,
): readonly Step<unknown>[] {
  const judged: Rule = rule;
  let state = judged.initial(seed);
  return [...text].map((mark, index) => {
    const now = index * 500;
    const seen = { ...observation(mark, now), vantage: vantage(index), duration };
    const step = judged.step(state, seen, {
      now,
      backgroundLoss: 0.01,
      peers: { total: 2, serving: 2 },
      ...env,
    });
    state = step.state;
    return step;
  });
}
