/** The lines that detection must not cross (issue "A judge to trust", Shown by), each with what was measured. */

import { rateText, short } from '../poisson.ts';
import { FAULTS } from '../scenarios/faults.ts';
import { analyticBound, INTERVAL, YEAR } from '../scenarios/quiet.ts';
import type { Book } from './book.ts';

export interface Line {
  /** Keys of the cells that it is drawn from. */
  readonly of: readonly string[];
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  readonly met: boolean;
}

const FALSE_DEAD = 0.01;
/** A row of the table is only as good as the target-years it asks for; in a quick run they are fewer, and that is said. */
const ASKED: Readonly<Record<number, number>> = { 0.01: 100, 0.1: 30, 0.3: 10 };

export function linesOf(book: Book, vantages: readonly number[]): readonly Line[] {
  const each = vantages.flatMap((count) => {
    const v = `${count}v`;
    const lines = [
      ...falseDeaths(book, v),
      ...crashes(book, v, count),
      ...grays(book, v),
      ...slowness(book, v),
      ...flaps(book, v),
      ...probers(book, v),
      ...(count > 1 ? racks(book, v) : []),
      ...extras(book, v),
    ];
    const who = count === 1 ? 'one vantage' : `${count} vantages`;
    return lines.map((line) => ({ ...line, what: `${who}: ${line.what}` }));
  });
  const all = [...falseDeathsInAll(book, vantages), ...each];
  // Where only a part was run, only that part is judged.
  return all.filter(({ of }) => of.every((key) => book.has(key)));
}

/** Over all seeds and numbers of vantages. */
function falseDeathsInAll(book: Book, vantages: readonly number[]): readonly Line[] {
  return [0.01, 0.1, 0.3].map((loss) => {
    const sumOf = (name: string): number =>
      vantages.reduce((sum, count) => sum + book.sum(`S01/${count}v/${loss}`, name), 0);
    const [dead, years, bound] = [sumOf('dead'), sumOf('years'), analyticBound(loss)];
    return {
      of: vantages.map((count) => `S01/${count}v/${loss}`),
      what: `false dead at ${100 * loss} % loss, in all`,
      measured: `${dead} in ${short(years)} target-years (${rateText(dead, years)} a year); by the formulas ${short(bound)}`,
      bound: `none in ${ASKED[loss]}; formulas ≤ ${FALSE_DEAD}`,
      met: dead === 0 && bound <= FALSE_DEAD,
    };
  });
}

function falseDeaths(book: Book, v: string): readonly Line[] {
  return [0.01, 0.1, 0.3].map((loss) => {
    const key = `S01/${v}/${loss}`;
    const [dead, subHealthy, years] = [
      book.sum(key, 'dead'),
      book.sum(key, 'subHealthy'),
      book.sum(key, 'years'),
    ];
    return {
      of: [key],
      what: `false dead at ${100 * loss} % loss`,
      measured: `${dead} in ${short(years)} target-years (${rateText(dead, years)} a year); sub-healthy ${subHealthy}`,
      bound: 'none',
      met: dead === 0,
    };
  });
}

function crashes(book: Book, v: string, count: number): readonly Line[] {
  const [mean, p99] = count === 1 ? [5.7, 8.5] : [5.2, 8];
  const lines = (['black-hole', 'refused'] as const).map((how) => {
    const key = `S03/${v}/${how}/0.01`;
    const found = book.spread(key, 'found');
    return {
      of: [key],
      what: `crash, ${how}, 1 % loss`,
      measured: `mean ${fixed(found.mean)} s, p99 ${fixed(found.p99)} s of ${found.n}, ${book.sum(key, 'missed')} missed`,
      bound: `mean ≤ ${mean}, p99 ≤ ${p99} s`,
      met: found.mean <= mean && found.p99 <= p99 && book.sum(key, 'missed') === 0,
    };
  });
  const key = `S03/${v}/black-hole/0.3`;
  const found = book.spread(key, 'found');
  const lossy = {
    of: [key],
    what: 'crash, black-hole, 30 % loss',
    measured: `mean ${fixed(found.mean)} s, p99 ${fixed(found.p99)} s of ${found.n}, ${book.sum(key, 'missed')} missed`,
    bound: 'mean ≤ 10 s',
    met: found.mean <= 10 && book.sum(key, 'missed') === 0,
  };
  return [...lines, lossy];
}

const GRAY = [
  { share: 1, p50: 6, transitions: 3 },
  { share: 0.5, p50: 15.5, transitions: 2 },
  { share: 0.3, p50: 42, transitions: 2 },
];

function grays(book: Book, v: string): readonly Line[] {
  const lines = GRAY.flatMap(({ share, p50, transitions }) => {
    const key = `S05/${v}/${share}`;
    const first = book.spread(key, 'first');
    const flagged = book.spread(key, 'flagged');
    const turns = book.spread(key, 'transitions');
    const deaths = book.sum(key, 'deaths');
    const earliest = Math.min(...book.sample(key, 'dead'));
    return [
      {
        of: [key],
        what: `5xx at ${100 * share} %, sub-healthy`,
        measured: `p50 ${fixed(first.p50)} s, p95 ${fixed(first.p95)} s of ${first.n}, ${book.sum(key, 'missed')} missed`,
        bound: `p50 ≤ ${p50} s`,
        met: first.p50 <= p50,
      },
      {
        of: [key],
        what: `5xx at ${100 * share} %, flagged`,
        measured: `${fixed(100 * flagged.mean)} % of the time, ${fixed(turns.mean)} transitions (p99 ${turns.p99})`,
        bound: `≥ 97 %, ≤ ${transitions} transitions`,
        met: flagged.mean >= 0.97 && turns.mean <= transitions,
      },
      share === 1
        ? {
            of: [key],
            what: '5xx at 100 %, dead',
            measured: `${deaths} of ${book.sum(key, 'trials')}, the earliest after ${fixed(earliest)} s`,
            bound: 'after 30 s',
            met: deaths === book.sum(key, 'trials') && earliest >= 30,
          }
        : {
            of: [key],
            what: `5xx at ${100 * share} %, dead`,
            measured: `${deaths}`,
            bound: 'never',
            met: deaths === 0,
          },
    ];
  });
  const key = `S05/${v}/alone`;
  const alone = book.sum(key, 'deaths');
  return [
    ...lines,
    {
      of: [key],
      what: '5xx at 100 %, nobody else serves',
      measured: `${alone} dead`,
      bound: 'never',
      met: alone === 0,
    },
  ];
}

function slowness(book: Book, v: string): readonly Line[] {
  const steps = [
    { factor: 3, p50: 10 },
    { factor: 2, p50: 20 },
  ].map(({ factor, p50 }) => {
    const key = `S07/${v}/${factor}`;
    const found = book.spread(key, 'found');
    return {
      of: [key],
      what: `slow ×${factor} with peers`,
      measured: `p50 ${fixed(found.p50)} s, p95 ${fixed(found.p95)} s of ${found.n}, ${book.sum(key, 'missed')} missed`,
      bound: `p50 ≤ ${p50} s`,
      met: found.p50 <= p50 && book.sum(key, 'missed') * 2 < book.sum(key, 'trials'),
    };
  });
  const key = `S07/${v}/1`;
  const [flagged, years] = [book.sum(key, 'flagged'), book.sum(key, 'years')];
  return [
    ...steps,
    {
      of: [key],
      what: 'slow though nobody is',
      measured: `${flagged} in ${short(years)} target-years (${rateText(flagged, years)} a year)`,
      bound: '≤ 1 a year',
      met: flagged <= years,
    },
  ];
}

function flaps(book: Book, v: string): readonly Line[] {
  return [20, 40, 60, 120].map((period) => {
    const key = `S09/${v}/${period}`;
    const { mean, max } = book.spread(key, 'perHour');
    return {
      of: [key],
      what: `flapping every ${period} s`,
      measured: `${fixed(mean)} transitions an hour, at most ${fixed(max)}`,
      bound: '≤ 10',
      met: mean <= 10,
    };
  });
}

function probers(book: Book, v: string): readonly Line[] {
  return FAULTS.filter(({ id }) => /^S1[0-4]/.test(id)).map(({ id, title }) => {
    const key = `fleet/${v}/${id}`;
    const wrong = book.sum(key, 'wrongDead');
    const seconds = book.sum(key, 'wrongSubHealthy');
    return {
      of: [key],
      what: title,
      measured: `${wrong} wrong target-seconds, ${book.sum(key, 'wrongVerdicts')} verdicts, ${seconds} s sub-healthy, ${book.sum(key, 'writes')} writes`,
      bound: '0 wrong target-seconds',
      met: wrong === 0,
    };
  });
}

function racks(book: Book, v: string): readonly Line[] {
  const key = `fleet/${v}/S15`;
  const found = book.spread(key, 'found');
  return [
    {
      of: [key],
      what: 'rack outage 30 %, written',
      measured: `p99 ${fixed(found.p99)} s of ${found.n}, at most ${book.max(key, 'batches')} batches, ${book.sum(key, 'missed')} missed`,
      bound: 'p99 ≤ 8 s, ≤ 2 batches, none missed',
      met: found.p99 <= 8 && book.max(key, 'batches') <= 2 && book.sum(key, 'missed') === 0,
    },
  ];
}

function extras(book: Book, v: string): readonly Line[] {
  return [
    { loss: 0.01, most: 0.05 },
    { loss: 0.1, most: 0.3 },
  ].map(({ loss, most }) => {
    const key = `S01/${v}/${loss}`;
    const scheduled = book.sum(key, 'years') * (YEAR / INTERVAL);
    const extra = book.sum(key, 'looks') / scheduled - 1;
    return {
      of: [key],
      what: `extra looks at ${100 * loss} % loss`,
      measured: `${fixed(100 * extra)} %`,
      bound: `≤ ${100 * most} %`,
      met: extra <= most,
    };
  });
}

function fixed(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(2))) : 'never';
}
