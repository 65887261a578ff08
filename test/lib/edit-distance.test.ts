import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../src/lib/edit-distance.ts';

describe('the edit distance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['interval', 'intervall', 1],
    ['htpp', 'http', 1],
    ['ca', 'abc', 3],
  ])('of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, and at most the longer length', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance === 0).toBe(a === b);
      }),
    );
  });
});

describe('the nearest word', () => {
  const words = ['interval', 'timeout', 'connectTimeout', 'rule', 'name'];

  it.each([
    ['intervall', 'interval'],
    ['connect_timeout', 'connectTimeout'],
    ['CONNECT-TIMEOUT', 'connectTimeout'],
    ['tiemout', 'timeout'],
    ['rul', 'rule'],
    ['nmae', 'name'],
  ])('to %s is %s', (word, meant) => {
    expect(nearest(word, words)).toBe(meant);
  });

  it.each(['path', 'ru', 'x'.repeat(10_000), ''])('to %s is none', (word) => {
    expect(nearest(word, words)).toBeUndefined();
  });
});
