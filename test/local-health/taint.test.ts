import { describe, expect, it } from 'vitest';
import type { FailureCause } from '../../src/core/cause.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { Stalls } from '../../src/local-health/stalls.ts';
import { tainted } from '../../src/local-health/taint.ts';

const failed = (cause: FailureCause): Outcome => ({ kind: 'fail', cause, reached: false, detail: 'why' });
const loss = (longest: number, sum = longest) => ({ longest, sum, cause: 'event loop' }) as const;

describe('a failure while we could not run', () => {
  it.each(['connect-timeout', 'request-timeout', 'script-timeout'] as const)(
    '%s is a skip that says how long we slept',
    (cause) => {
      expect(tainted(failed(cause), 2_300, 2_000, loss(300))).toEqual({
        kind: 'skip',
        cause: 'prober-overload',
        detail: 'the prober lost 300 of 2300 ms itself (event loop): why',
      });
    },
  );

  it.each(['connect-refused', 'connect-unreachable', 'status', 'response-reset', 'tls-expired'] as const)(
    '%s was said by the target, however long we slept',
    (cause) => {
      const outcome = failed(cause);
      expect(tainted(outcome, 5_000, 2_000, loss(4_000))).toBe(outcome);
    },
  );

  it('never touches a pass or a skip', () => {
    const pass: Outcome = { kind: 'pass' };
    const skip: Outcome = { kind: 'skip', cause: 'prober-limit', detail: 'x' };
    expect(tainted(pass, 5_000, 2_000, loss(4_000))).toBe(pass);
    expect(tainted(skip, 5_000, 2_000, loss(4_000))).toBe(skip);
  });

  it.each([
    // timeout, duration, longest, sum, tainted
    [2_000, 2_000, 200, 200, false],
    [2_000, 2_201, 201, 201, true],
    [2_000, 500, 50, 50, false],
    [2_000, 510, 52, 52, true],
    [200, 250, 50, 50, false],
    [200, 251, 51, 51, true],
    [2_000, 2_000, 150, 1_000, false],
    [2_000, 2_000, 150, 1_001, true],
  ])('timeout %i, took %i, stalls of %i in all %i: %s', (timeout, duration, longest, sum, expected) => {
    const outcome = tainted(failed('connect-timeout'), duration, timeout, loss(longest, sum));
    expect(outcome.kind === 'skip').toBe(expected);
  });
});

describe('stalls', () => {
  const at = (from: number, to: number, lost = to - from) =>
    ({ from, to, lost, cause: 'event loop' }) as const;

  it('are known by what of them falls into an interval', () => {
    const stalls = new Stalls();
    stalls.note(at(1_000, 1_300));
    stalls.note(at(2_000, 2_100));
    expect(stalls.within(0, 900)).toBeUndefined();
    expect(stalls.within(0, 1_000)).toBeUndefined();
    expect(stalls.within(1_200, 5_000)).toEqual({ longest: 100, sum: 200, cause: 'event loop' });
    expect(stalls.within(0, 1_900)).toEqual({ longest: 300, sum: 300, cause: 'event loop' });
    expect(stalls.within(2_020, 2_040)).toEqual({ longest: 20, sum: 20, cause: 'event loop' });
    expect(stalls.within(3_000, 4_000, at(3_500, 9_000))).toEqual({
      longest: 500,
      sum: 500,
      cause: 'event loop',
    });
  });

  it('known twice count once, by the larger', () => {
    const stalls = new Stalls();
    stalls.note({ ...at(1_000, 1_280), cause: 'garbage collection' });
    stalls.note(at(1_000, 1_300));
    expect(stalls.within(0, 5_000)).toEqual({ longest: 300, sum: 300, cause: 'event loop' });
  });

  it('of less than 25 ms are none, and after two minutes they are forgotten', () => {
    const stalls = new Stalls();
    stalls.note(at(0, 24));
    expect(stalls.last).toBeUndefined();
    stalls.note(at(100, 200));
    stalls.note(at(130_000, 130_100));
    expect(stalls.within(0, 1_000)).toBeUndefined();
    expect(stalls.last).toEqual(at(130_000, 130_100));
  });

  it('that took only part of their time count for no more than they took', () => {
    const stalls = new Stalls();
    stalls.note(at(0, 1_000, 700));
    expect(stalls.within(0, 500)?.longest).toBe(500);
    expect(stalls.within(0, 2_000)?.longest).toBe(700);
  });
});
