import { describe, expect, it } from 'vitest';
import { consecutiveRule } from '../../src/rules/consecutive.ts';
import { describeRule, ruleOf } from '../contracts/rule.contract.ts';
import { steps, timeline } from '../support/timeline.ts';

describeRule(consecutiveRule);
describeRule(consecutiveRule, { rise: 1, fall: 5, confirm: 2, slowOver: '1s' });

describe('consecutive', () => {
  const rule = ruleOf(consecutiveRule);

  it.each([
    // DESIGN section 2, word by word.
    ['++---++xxx', 'uhhhsshhhd'],
    ['+-+-+-+-+-', 'uuuuuuuuuu'],
    ['++--x', 'uhhhs'],
    ['++-xx', 'uhhhs'],
    ['++-xxx', 'uhhhsd'],
    ['xxx++', 'uuddh'],
    ['xxx---', 'uuddds'],
    ['xxx+-+++', 'uuddddhh'],
    ['---', 'uus'],
  ])('%s is judged %s', (outcomes, healths) => {
    expect(timeline(rule, outcomes)).toBe(healths);
  });

  it('tells why', () => {
    const reasons = (outcomes: string) => steps(rule, outcomes).map(({ verdict }) => verdict.reason);
    expect(reasons('++').at(-1)).toBe('passing');
    expect(reasons('xxx').at(-1)).toBe('connect-refused');
    expect(reasons('xxx---').at(-1)).toBe('recovered');
    expect(reasons('---').at(-1)).toBe('low-success-rate');
    expect(reasons('---++').at(-1)).toBe('recovered');
  });

  it.each([
    ['xx-', 1 / 3],
    ['x-x', 1 / 3],
    ['--x', 2 / 3],
    ['xx-+', 1],
  ])('tells the reach of the row %s', (outcomes, reach) => {
    expect(steps(rule, outcomes).at(-1)?.verdict.numbers.reach).toBeCloseTo(reach, 12);
  });

  it('looks faster while a change is pending and slower while dead', () => {
    expect(steps(rule, '++-xxx+').map(({ cadence }) => cadence)).toEqual([
      'suspicious',
      'normal',
      'suspicious',
      'suspicious',
      'suspicious',
      'dead',
      'suspicious',
    ]);
  });

  it('takes slow passes as not passed', () => {
    const slow = ruleOf(consecutiveRule, { slowOver: '1s' });
    expect(timeline(slow, '++~~~')).toBe('uhhhs');
    expect(steps(slow, '++~~~').at(-1)?.verdict.reason).toBe('slow');
  });

  it('asks for its confirmations at the first failure only', () => {
    const eager = ruleOf(consecutiveRule, { confirm: 3 });
    expect(steps(eager, '++--+x').map(({ confirmations }) => confirmations)).toEqual([0, 0, 3, 0, 0, 3]);
  });
});
