import { describe, expect, it } from 'vitest';
import { BackgroundLoss } from '../../src/engine/background-loss.ts';

describe('background loss', () => {
  it('starts at one in a hundred, and comes back to it in silence', () => {
    const loss = new BackgroundLoss();
    expect(loss.at(0)).toBeCloseTo(0.01, 9);
    for (let ms = 0; ms < 60_000; ms += 5) loss.heard(ms % 25 === 0 ? 1 : 0, 1, ms);
    expect(loss.at(60_000)).toBeCloseTo(0.2, 2);
    expect(loss.at(600_000)).toBeCloseTo(0.01, 3);
  });
});
