import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InstanceId } from '../../src/core/instance.ts';
import {
  type BrakeDecision,
  type BrakeState,
  belowFloor,
  brake,
  CALM,
  countPassed,
  unavailableLimit,
} from '../../src/pipeline/guard.ts';

const LIMITS = { allowance: 0.05, freezeAbove: 0.6 };

describe('the floor of a service', () => {
  it.each([
    [10, 0.5, 5],
    [3, 0.5, 1],
    [1, 0.5, 1],
    [4, 0, 1],
    [7, 1, 7],
  ])('of %i instances lets %f of them be unavailable: %i', (size, maxUnavailable, limit) => {
    expect(unavailableLimit({ size, unavailable: 0, maxUnavailable })).toBe(limit);
  });

  it('lets the longest dead through first and counts what is unavailable already', () => {
    const candidates = [30, 10, 20].map((since) => ({ id: `i${since}` as InstanceId, service: 's', since }));
    const census = new Map([['s', { size: 6, unavailable: 1, maxUnavailable: 0.5 }]]);
    expect([...belowFloor(candidates, census)]).toEqual(['i10', 'i20']);
  });

  it('never lets more be unavailable than the limit, whatever the input', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ service: fc.constantFrom('a', 'b'), since: fc.nat(100) }), { maxLength: 40 }),
        fc.nat(20),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (list, unavailable, maxUnavailable) => {
          const candidates = list.map((one, index) => ({ ...one, id: String(index) as InstanceId }));
          const one = { size: 40, unavailable, maxUnavailable };
          const admitted = belowFloor(
            candidates,
            new Map([
              ['a', one],
              ['b', one],
            ]),
          );
          for (const service of ['a', 'b']) {
            const count = candidates.filter(
              ({ id, service: of }) => of === service && admitted.has(id),
            ).length;
            expect(count).toBeLessThanOrEqual(Math.max(0, unavailableLimit(one) - unavailable));
          }
        },
      ),
    );
  });
});

describe('the brake of a registry', () => {
  it('passes a few at once', () => {
    expect(decide(CALM, { pending: 3, total: 10 }).decision).toBe('pass');
    expect(decide(CALM, { pending: 10, total: 200 }).decision).toBe('pass');
    expect(decide(CALM, { pending: 11, total: 200 }).decision).toBe('wait');
  });

  it('counts what was written dead in the last minute', () => {
    const after = countPassed(CALM, 3, 0);
    expect(decide(after, { pending: 1, total: 10, now: 59_999 }).decision).toBe('wait');
    expect(decide(after, { pending: 1, total: 10, now: 60_000 }).decision).toBe('pass');
  });

  it('lets a mass through as one batch once it has not grown for two seconds', () => {
    expect(
      run([
        [0, 20],
        [500, 25],
        [1_500, 30],
        [3_499, 30],
        [3_500, 30],
      ]),
    ).toEqual(['wait', 'wait', 'wait', 'wait', 'pass']);
  });

  it('takes those for part of a mass that nobody reaches any more, and writes once there is none of them left', () => {
    // Few are dead yet, but many are about to be: none of them goes out alone.
    expect(decide(CALM, { pending: 2, suspects: 10, total: 100 }).decision).toBe('wait');
    expect(decide(CALM, { pending: 2, suspects: 1, total: 100 }).decision).toBe('pass');
    const first = decide(CALM, { pending: 10, suspects: 20, total: 100, now: 0 });
    // One became dead that was a suspect: the mass has not grown, and it is not whole yet.
    const second = decide(first.state, { pending: 25, suspects: 5, total: 100, now: 1_000 });
    expect(second.decision).toBe('wait');
    expect(decide(second.state, { pending: 30, suspects: 0, total: 100, now: 1_100 }).decision).toBe('pass');
    expect(decide(second.state, { pending: 25, suspects: 5, total: 100, now: 2_000 }).decision).toBe('pass');
  });

  it('waits ten seconds at most while a mass grows', () => {
    const steps = Array.from({ length: 11 }, (_, second): [number, number] => [second * 1_000, 20 + second]);
    const decisions = run(steps);
    expect(decisions.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'wait'));
    expect(decisions[10]).toBe('pass');
  });

  it('freezes above the share, and thaws ten calm seconds later', () => {
    expect(
      run([
        [0, 61],
        [60_000, 61],
        [61_000, 40],
        [70_999, 40],
        [71_000, 40],
        [73_000, 40],
      ]),
    ).toEqual(['frozen', 'frozen', 'frozen', 'frozen', 'pass', 'wait']);
  });

  it('forgets a freeze when nothing is pending any more', () => {
    expect(
      run([
        [0, 100],
        [1_000, 0],
        [2_000, 3],
      ]),
    ).toEqual(['frozen', 'pass', 'pass']);
  });

  it('passes what an operator releases', () => {
    expect(decide(CALM, { pending: 100, total: 100, released: true }).decision).toBe('pass');
  });

  /** A run over 100 instances; what is let through is not counted. */
  function run(steps: readonly (readonly [number, number])[]): readonly BrakeDecision[] {
    let state = CALM;
    return steps.map(([now, pending]) => {
      const step = decide(state, { pending, total: 100, now });
      state = step.state;
      return step.decision;
    });
  }

  function decide(
    state: BrakeState,
    input: { pending: number; suspects?: number; total: number; now?: number; released?: boolean },
  ) {
    return brake(state, { now: 0, released: false, ...input }, LIMITS);
  }
});
