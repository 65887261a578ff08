import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/config/fingerprint.ts';

describe('a fingerprint', () => {
  it('does not mind the order of keys, nor keys without value', () => {
    expect(fingerprintOf({ a: 1, b: { c: [2], d: undefined } })).toBe(fingerprintOf({ b: { c: [2] }, a: 1 }));
  });

  it.each([
    ['a number and its text', 1, '1'],
    ['nothing and null', undefined, null],
    ['the order of a list', [1, 2], [2, 1]],
    ['bytes', Buffer.from('a'), Buffer.from('b')],
    ['a map and its list', new Map([['a', 1]]), [['a', 1]]],
    ['a set and its list', new Set(['a']), ['a']],
    ['a regular expression', { regex: RE2JS.compile('a') }, { regex: RE2JS.compile('b') }],
    ['a URL', new URL('http://a'), new URL('http://b')],
    ['a big number', 1n, 2n],
    ['a function', () => 1, () => 2],
  ])('tells %s apart', (_, one, other) => {
    expect(fingerprintOf(one)).not.toBe(fingerprintOf(other));
    expect(fingerprintOf(one)).toMatch(/^[0-9a-f]{8}$/);
  });
});
