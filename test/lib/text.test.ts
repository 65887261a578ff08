import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAge } from '../../src/lib/age.ts';
import { formatHostPort } from '../../src/lib/host-port.ts';
import { Ring } from '../../src/lib/ring.ts';
import { displayWidth, fitWidth, printable } from '../../src/lib/text-width.ts';

describe('displayWidth', () => {
  it.each([
    ['', 0],
    ['payments', 8],
    ['● ok', 4],
    ['支付服务', 8],
    ['ペイ', 4],
    ['결제', 4],
    ['ｗ', 2],
    ['é', 1],
    ['😀', 2],
    ['a\u200bb', 2],
  ])('of %j is %i', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('fitWidth', () => {
  it.each([
    ['payments', 8, 'payments'],
    ['payments', 5, 'paym…'],
    ['支付服务', 8, '支付服务'],
    ['支付服务', 6, '支付…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
  ])('of %j to %i is %j', (text, width, fitted) => {
    expect(fitWidth(text, width)).toBe(fitted);
  });

  it('never takes more columns than it may', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, fc.nat(20), (name, width) => {
        expect(displayWidth(fitWidth(name, width))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('printable', () => {
  it('leaves nothing that moves a cursor', () => {
    expect(printable('a\u001b[2Jb\nc\u009b1m\u202ed 支付')).toBe('a\ufffd[2Jb\ufffdc\ufffd1m\ufffdd 支付');
  });
});

describe('formatAge', () => {
  it.each([
    [-5, '0s'],
    [999, '0s'],
    [12_345, '12s'],
    [252_000, '4m12s'],
    [1_020_000, '17m'],
    [11_105_000, '3h5m'],
    [3_600_000 + 30_000, '1h'],
    [187_200_000, '2d4h'],
    [86_400_000 * 400, '400d'],
  ])('of %i ms is %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});

describe('formatHostPort', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1:80'],
    ['db', 'db:80'],
    ['::1', '[::1]:80'],
  ])('of %s', (host, text) => {
    expect(formatHostPort(host, 80)).toBe(text);
  });
});

describe('Ring', () => {
  it('is the end of a list', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 10 }), (all, capacity) => {
        const ring = new Ring<number>(capacity);
        for (const one of all) ring.push(one);
        expect(ring.toArray()).toEqual(all.slice(-capacity));
      }),
    );
  });
});
