import { describe, expect, it } from 'vitest';
import type { RulePlugin } from '../../src/core/rule.ts';
import { describeRule, ruleOf } from '../contracts/rule.contract.ts';
import { steps, timeline } from '../support/timeline.ts';

// As sonde loads it: a module by its path, types unknown.
const path = new URL('../../examples/plugins/majority-rule.mjs', import.meta.url).href;
const { rules }: { readonly rules: readonly [RulePlugin] } = await import(path);
const [majority] = rules;

describeRule(majority);
describeRule(majority, { size: 9 });

describe('the example rule', () => {
  it.each([
    ['+++++', 'uuuuh'],
    ['+++++---', 'uuuuhhhs'],
    ['+++++xxx', 'uuuuhhhd'],
    ['xxxx+', 'uuuud'],
    ['xxxxx-++', 'uuuuddds'],
  ])('%s is judged %s', (outcomes, healths) => {
    expect(timeline(ruleOf(majority), outcomes)).toBe(healths);
  });

  it('is dead for the cause of the look that made it so', () => {
    expect(steps(ruleOf(majority), '+++++xxx').at(-1)?.verdict.reason).toBe('connect-refused');
  });

  it('refuses what it cannot judge by', () => {
    expect(majority.options['~standard'].validate({ size: 4 })).toMatchObject({
      issues: [{ path: ['size'] }],
    });
  });
});
