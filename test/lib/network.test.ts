import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNetwork, networkTest } from '../../src/lib/network.ts';

describe('networks', () => {
  it.each([
    ['10.0.0.0/8', true],
    ['10.0.0.1', true],
    ['fd00::/8', true],
    ['::/0', true],
    ['10.0.0.0/33', false],
    ['::/129', false],
    ['10.0.0/8', false],
    ['10.0.0.0/', false],
    ['10.0.0.0/-1', false],
    ['10.0.0.0/8/8', false],
    ['name/8', false],
    ['', false],
  ])('%s', (text, valid) => {
    expect(isNetwork(text)).toBe(valid);
    if (!valid) expect(() => networkTest([text])).toThrow(RangeError);
  });

  const octet = fc.nat(255);

  it('holds IPv4 addresses as arithmetic says', () => {
    fc.assert(
      fc.property(
        fc.tuple(octet, octet, octet, octet),
        fc.tuple(octet, octet, octet, octet),
        fc.nat(32),
        (a, b, bits) => {
          const number = (parts: readonly number[]) => parts.reduce((sum, one) => sum * 256 + one, 0);
          const size = 2 ** (32 - bits);
          const inside = Math.floor(number(a) / size) === Math.floor(number(b) / size);
          expect(networkTest([`${a.join('.')}/${bits}`])(b.join('.'))).toBe(inside);
        },
      ),
    );
  });

  it('is not deceived by the spelling of a mapped address', () => {
    fc.assert(
      fc.property(octet, octet, (c, d) => {
        const test = networkTest(['169.254.0.0/16']);
        const hex = `${'a9fe'}:${((c << 8) | d).toString(16)}`;
        for (const prefix of ['::ffff:', '::FFFF:', '0:0:0:0:0:ffff:', '0:0::ffff:', '::0:ffff:']) {
          expect(test(`${prefix}169.254.${c}.${d}`)).toBe(true);
          expect(test(`${prefix}${hex}`)).toBe(true);
        }
        expect(test(`2001:db8::${hex}`)).toBe(false);
        expect(networkTest(['::/0'])(`::ffff:169.254.${c}.${d}`)).toBe(false);
        expect(networkTest(['::/0'])(`169.254.${c}.${d}`)).toBe(false);
        expect(networkTest(['::ffff:169.254.0.0/112'])(`169.254.${c}.${d}`)).toBe(true);
      }),
    );
  });

  it('does not look at zones', () => {
    expect(networkTest(['fe80::/10'])('fe80::1%eth0')).toBe(true);
  });
});
