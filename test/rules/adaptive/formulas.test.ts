import { describe, expect, it } from 'vitest';
import {
  deadSpan,
  deadThreshold,
  deadWeight,
  missedWhenAlive,
  yearlyByChance,
} from '../../../src/rules/adaptive/dead.ts';
import { healthyAt, holdAfter, recoveryWeights } from '../../../src/rules/adaptive/recovery.ts';
import { slowWeight } from '../../../src/rules/adaptive/slow.ts';
import { SUB_HEALTHY_AT, subHealthyWeights, yearlyAtMost } from '../../../src/rules/adaptive/sub-healthy.ts';

// The tables of shared reference detection.md.
describe('the dead test', () => {
  it.each([
    [1_000, 21.9],
    [2_000, 21.2],
    [5_000, 20.3],
    [10_000, 19.6],
  ])('asks for more evidence the more often it looks: %i ms', (interval, nats) => {
    expect(deadThreshold(interval, 0.01)).toBeCloseTo(nats, 1);
  });

  it.each([
    [0.001, 5],
    [0.01, 5],
    [0.02, 6],
    [0.05, 8],
    [0.1, 10],
    [0.2, 15],
    [0.3, 22],
    [0.4, 31],
  ])('at a background loss of %f asks for %i timeouts in a row', (loss, looks) => {
    const weight = deadWeight(false, missedWhenAlive(loss, 0.001));
    expect(Math.ceil(deadThreshold(5_000, 0.01) / weight)).toBe(looks);
  });

  it('keeps within its budget of false deaths at every loss', () => {
    for (const loss of [0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4]) {
      const looks = Math.ceil(deadThreshold(5_000, 0.01) / deadWeight(false, missedWhenAlive(loss, 0)));
      expect((31_536_000 / 5) * 1.2 * (1 - loss) * loss ** looks).toBeLessThan(0.01);
    }
  });

  it('takes a refused connection for four times a timeout at most', () => {
    expect(deadWeight(true, 0.5)).toBeCloseTo(6.19, 2);
  });

  it('waits longer after outages that healed, for a day', () => {
    expect(deadSpan(0, 0)).toBe(2_000);
    expect(deadSpan(4_000, 0)).toBe(6_000);
    expect(deadSpan(4_000, 86_400_000)).toBe(3_000);
    expect(deadSpan(60_000, 0)).toBe(30_000);
  });

  it('says how often chance alone would show it', () => {
    expect(yearlyByChance(deadThreshold(5_000, 0.01), 5_000)).toBeCloseTo(0.01, 9);
  });
});

describe('the sub-healthy test', () => {
  it.each([
    [0.99, 0.99],
    [0.95, 0.951],
    [0.9, 0.901],
    [0.84, 0.836],
    [0.8, 0.791],
    [0.7, 0.666],
  ])('breaks even near its knob: %f', (below, even) => {
    const { failure, pass } = subHealthyWeights(below, 0);
    expect(failure / (failure + pass)).toBeCloseTo(even, 2);
    expect(Math.ceil(SUB_HEALTHY_AT / failure)).toBe(7);
  });

  it.each([
    [0.05, 7],
    [0.1, 12],
    [0.2, 14],
    [0.3, 15],
  ])('lowers its bar with the loss: %f', (loss, looks) => {
    expect(Math.ceil(SUB_HEALTHY_AT / subHealthyWeights(0.84, loss).failure)).toBe(looks);
  });

  it('bounds how often a healthy target shows it', () => {
    expect(yearlyAtMost(8, 21, 0.05, 5_000)).toBeCloseTo(145, 0);
    expect(yearlyAtMost(1, 21, 0.05, 5_000)).toBe(6_307_200);
    expect(yearlyAtMost(7, 7, 0.05, 5_000)).toBeCloseTo(6_307_200 * 0.05 ** 7, 9);
  });
});

describe('the ways back', () => {
  it.each([
    [0, 27],
    [0.05, 25],
    [0.1, 16],
    [0.2, 8],
    [0.3, 4],
  ])('at a loss of %f take %i clean looks', (loss, looks) => {
    expect(Math.ceil(healthyAt(1) / recoveryWeights(loss).pass)).toBe(looks);
  });

  it('take longer the more it flaps', () => {
    expect([1, 2, 3, 4, 5, 9].map(healthyAt)).toEqual([4.6, 6.9, 9.2, 11.5, 13.8, 13.8].map(near));
    expect([1, 2, 3, 4, 5, 6, 7].map(holdAfter)).toEqual(
      [0, 20, 40, 80, 160, 300, 300].map((s) => s * 1_000),
    );
  });
});

describe('the slow test', () => {
  it('is clipped, and blind to the jitter of a local network', () => {
    expect(slowWeight(60, 20, 0.1)).toBe(2.5);
    expect(slowWeight(20, 20, 0.1)).toBe(-2.5);
    expect(slowWeight(4, 1, 0.1)).toBe(-2.5);
  });

  it('forgives where the peers differ among themselves', () => {
    expect(slowWeight(40, 20, 1)).toBeLessThan(slowWeight(40, 20, 0.1));
  });
});

function near(value: number): unknown {
  return expect.closeTo(value, 9);
}
