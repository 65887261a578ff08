import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelay } from '../../src/lib/backoff.ts';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { globListMatches, globMatches } from '../../src/lib/glob.ts';
import { hash32, hashId } from '../../src/lib/hash.ts';
import { isoTime, parseIsoTime } from '../../src/lib/iso-time.ts';
import { fullBucket, takeToken, tokenWait } from '../../src/lib/token-bucket.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
  ])('%s are %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  });

  it.each(['5', '', '-5s', '1.5s', '5 s', 's', '5sec', '1e3s'])('%s is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.nat(400_000_000), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe('globs', () => {
  it('match as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, value) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(globMatches(glob, value)).toBe(new RegExp(`^${source}$`).test(value));
      }),
    );
  });

  it('do not blow up', () => {
    expect(globMatches('*a*a*a*a*a*a*a*b', 'a'.repeat(5_000))).toBe(false);
  });

  it('exclude with a leading !', () => {
    expect(globListMatches(['web-*', '!web-legacy'], 'web-shop')).toBe(true);
    expect(globListMatches(['web-*', '!web-legacy'], 'web-legacy')).toBe(false);
    expect(globListMatches(['!web-legacy'], 'api')).toBe(true);
    expect(globListMatches(['web-*'], 'api')).toBe(false);
    expect(globListMatches([], 'api')).toBe(true);
  });
});

describe('hashes', () => {
  it('tell parts apart that would run into each other', () => {
    expect(hashId('ab', 'c')).not.toBe(hashId('a', 'bc'));
    expect(hashId('x')).toMatch(/^[0-9a-f]{16}$/);
  });

  it('spread evenly', () => {
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++)
      buckets[hash32(`10.0.0.${i}:8080`) % 10] = (buckets[hash32(`10.0.0.${i}:8080`) % 10] ?? 0) + 1;
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

describe('backoff', () => {
  it('doubles up to the cap and spreads over the upper half', () => {
    const rules = { base: 100, cap: 1_000 };
    expect([1, 2, 3, 4, 5, 50].map((failures) => backoffDelay(rules, failures, 0))).toEqual([
      50, 100, 200, 400, 500, 500,
    ]);
    expect(backoffDelay(rules, 1, 0.999)).toBeLessThan(100);
  });
});

describe('token buckets', () => {
  it('never give more than capacity plus what was refilled', () => {
    const limits = { capacity: 3, refillEvery: 1_000 };
    fc.assert(
      fc.property(fc.array(fc.nat(2_000), { maxLength: 50 }), (gaps) => {
        let bucket = fullBucket(limits, 0);
        let now = 0;
        let taken = 0;
        for (const gap of gaps) {
          now += gap;
          const wait = tokenWait(limits, bucket, now);
          const next = takeToken(limits, bucket, now);
          expect(next === undefined).toBe(wait > 0);
          if (next === undefined) continue;
          bucket = next;
          taken++;
        }
        expect(taken).toBeLessThanOrEqual(limits.capacity + now / limits.refillEvery);
      }),
    );
  });
});

describe('points of time', () => {
  it('come back', () => {
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(parseIsoTime('1970-01-01T00:00:01.000Z')).toBe(1_000);
    expect(parseIsoTime('yesterday')).toBeUndefined();
  });
});
