import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostFailed, nextScore, type Second, timeoutFactor, WELL } from '../../src/local-health/score.ts';

const QUIET: Second = {
  lag: 0,
  lateLooks: 0,
  looks: 10,
  limited: 0,
  cutOff: 0,
  anchorsFailed: 0,
  anchors: 3,
  contradicted: 0,
  registriesLost: 0,
};

/** The values after each of the seconds. */
function values(...seconds: readonly Partial<Second>[]): readonly number[] {
  const after: number[] = [];
  let score = WELL;
  for (const second of seconds) {
    score = nextScore(score, { ...QUIET, ...second });
    after.push(score.value);
  }
  return after;
}

describe('the score of local health', () => {
  it.each<[string, Partial<Second>, number]>([
    ['lag of 100 ms', { lag: 100 }, 0],
    ['lag of 101 ms', { lag: 101 }, 1],
    ['lag of 501 ms', { lag: 501 }, 2],
    ['late looks', { lateLooks: 7 }, 1],
    ['1 of 3 anchors', { anchorsFailed: 1 }, 0],
    ['2 of 3 anchors', { anchorsFailed: 2 }, 2],
    ['no anchors at all', { anchorsFailed: 0, anchors: 0 }, 0],
    ['one look without a file descriptor', { limited: 1 }, 2],
    ['the network stops half of the looks', { cutOff: 5 }, 2],
    ['the network stops fewer', { cutOff: 4 }, 0],
    ['4 contradictions', { contradicted: 4 }, 0],
    ['5 contradictions of 10 looks', { contradicted: 5, looks: 10 }, 1],
    ['5 contradictions of 20 looks: every path loses some', { contradicted: 5, looks: 20 }, 0],
    ['a registry is lost', { registriesLost: 1 }, 1],
    ['several at once', { lag: 600, anchorsFailed: 3, lateLooks: 1 }, 4],
  ])('%s: %o is worth %i', (_title, second, points) => {
    const score = nextScore(WELL, { ...QUIET, ...second });
    expect(score.value).toBe(points);
    expect(score.reasons.length > 0).toBe(points > 0);
  });

  it('falls by one in each clean second and forgets why at 0', () => {
    expect(values({ lag: 600 }, { lag: 600 }, {}, {}, {}, {}, {})).toEqual([2, 4, 3, 2, 1, 0, 0]);
    let score = nextScore(WELL, { ...QUIET, lag: 600 });
    score = nextScore(score, QUIET);
    expect(score.reasons).toEqual(['event loop 600 ms late']);
    expect(nextScore(score, QUIET).reasons).toEqual([]);
  });

  it('is slowed down by looks that queue, and never made deaf by them alone', () => {
    expect(values(...Array.from({ length: 6 }, () => ({ lateLooks: 50 })))).toEqual([1, 2, 3, 3, 3, 3]);
    expect(values({ lag: 600 }, { lag: 600 }, { lag: 600 }, { lateLooks: 1 })).toEqual([2, 4, 6, 6]);
  });

  it('does not believe one name that no resolver answers for', () => {
    const oneOfTen = Array.from({ length: 60 }, (_, i) => ({ looks: 1, cutOff: i % 10 === 0 ? 1 : 0 }));
    expect(Math.max(...values(...oneOfTen))).toBeLessThanOrEqual(2);
  });

  it('stays within 0 and 8 and the factor within 1 and 3', () => {
    const second = fc.record({
      lag: fc.nat(5_000),
      lateLooks: fc.nat(3),
      looks: fc.nat(20),
      limited: fc.nat(2),
      cutOff: fc.nat(20),
      anchorsFailed: fc.nat(3),
      anchors: fc.constant(3),
      contradicted: fc.nat(9),
      registriesLost: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(second, { maxLength: 40 }), (seconds) => {
        let score = WELL;
        for (const one of seconds) {
          score = nextScore(score, one);
          expect(score.value).toBeGreaterThanOrEqual(0);
          expect(score.value).toBeLessThanOrEqual(8);
        }
        expect(timeoutFactor(score.value)).toBeGreaterThanOrEqual(1);
        expect(timeoutFactor(score.value)).toBeLessThanOrEqual(3);
      }),
    );
    expect([0, 4, 8].map(timeoutFactor)).toEqual([1, 2, 3]);
  });

  it('needs more than half of the anchors', () => {
    const cases = [[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [1, 3], [2, 3], [2, 4], [3, 4]] as const; // biome-ignore format: pairs
    expect(cases.filter(([failed, all]) => mostFailed(failed, all))).toEqual([
      [1, 1],
      [2, 2],
      [2, 3],
      [3, 4],
    ]);
  });
});
