/** The results as Markdown, for docs/detection.md. */

import { intervalOf, MODES, type Mode, PEERS } from '../peers/peers.ts';
import { rateText, short } from '../poisson.ts';
import { FAULTS } from '../scenarios/faults.ts';
import { CONTENDERS } from '../scenarios/peer-fleet.ts';
import type { Book } from './book.ts';
import type { Line } from './lines.ts';

const DAYS = 365;

export function markdownOf(book: Book, lines: readonly Line[], seeds: readonly number[]): string {
  return [
    `Seeds ${seeds.join(', ')}; \`npm run bench:detection\` prints this again. Times are seconds; "0 (<3/Y)" is none seen in Y target-years.`,
    '',
    '**Lines that must not be crossed**',
    '',
    ...table(
      ['line', 'measured', 'bound', ''],
      lines.map(({ what, measured, bound, met }) => [what, measured, bound, met ? 'met' : '**NOT MET**']),
    ),
    '',
    '![Detection time against false deaths at 10 % loss](detection-trade-off.svg)',
    '',
    ...MODES.flatMap((mode) => comparison(book, mode)),
    '![A gray failure under each rule](detection-gray.svg)',
    '',
    '**Quality of service** after Chen, Toueg and Aguilera, equal budget: time between mistakes, their length, share of time in the right state',
    '',
    ...quality(book),
    '',
    '**A fleet while something happens to it**: wrongly dead in the registry, peak of targets / target-seconds a run',
    '',
    ...fleets(book),
    '',
    '**sonde in the same fleets**',
    '',
    ...ownFleets(book),
  ].join('\n');
}

function comparison(book: Book, mode: Mode): readonly string[] {
  const title =
    mode === 'equal-budget' ? 'one look per 5 s for every rule' : 'every rule at its own interval';
  const head = [
    'rule',
    'interval',
    'T_D mean / p99 @1 %',
    '@10 %',
    '@30 %',
    'false dead a target-year @1 %',
    '@10 %',
    '@30 %',
    '5xx 100 % p50',
    '50 % p50 / p95',
    '30 % p50',
    '50 %: flagged, transitions in 30 min',
    'transitions an hour, flapping every 60 s',
  ];
  const rows = PEERS.map((rule) => {
    const name = `${rule.id}/${mode}`;
    return [
      rule.title,
      `${intervalOf(rule, mode) / 1_000} s`,
      ...cellsOf(book, (id, rest) => `peer/${id}/${name}/${rest}`),
    ];
  });
  const own = ['1v', '3v'].map((v) => [
    `**sonde, ${v === '1v' ? 'one vantage' : 'three vantages'}**`,
    '5 s',
    ...cellsOf(book, (id, rest) => (id === 'S03' ? `S03/${v}/black-hole/${rest}` : `${id}/${v}/${rest}`)),
  ]);
  return [`**Rules side by side, ${title}**`, '', ...table(head, [...rows, ...own]), ''];
}

function cellsOf(book: Book, keyOf: (scenario: string, rest: string | number) => string): readonly string[] {
  const crash = (loss: number): string => {
    const { mean, p99 } = book.spread(keyOf('S03', loss), 'found');
    return `${short(mean)} / ${short(p99)}`;
  };
  const wrong = (loss: number): string => {
    const key = keyOf('S01', loss);
    return rateText(book.sum(key, 'dead'), book.sum(key, 'years'));
  };
  const first = (share: number): string => gray(book, keyOf('S05', share), 0.5);
  const half = keyOf('S05', 0.5);
  const flaps = book.spread(keyOf('S09', 60), 'perHour');
  return [
    ...[0.01, 0.1, 0.3].map(crash),
    ...[0.01, 0.1, 0.3].map(wrong),
    first(1),
    `${first(0.5)} / ${gray(book, half, 0.95)}`,
    first(0.3),
    `${Math.round(100 * book.spread(half, 'flagged').mean)} %, ${short(book.spread(half, 'transitions').mean)}`,
    flaps.n === 0 ? '–' : short(flaps.mean),
  ];
}

/** Of all trials: who was not found counts as never. */
function gray(book: Book, key: string, share: number): string {
  const found = book.sample(key, 'first').toSorted((a, b) => a - b);
  const trials = book.sum(key, 'trials');
  if (trials === 0) return '–';
  return short(found[Math.ceil(share * trials) - 1] ?? Number.POSITIVE_INFINITY);
}

function quality(book: Book): readonly string[] {
  const losses = [0.01, 0.1, 0.3];
  const head = ['rule', ...losses.map((loss) => `T_MR / T_M / P_A @${100 * loss} %`)];
  const row = (title: string, keyOf: (loss: number) => string): readonly string[] => [
    title,
    ...losses.map((loss) => {
      const key = keyOf(loss);
      const [mistakes, years] = [book.sum(key, 'dead') + book.sum(key, 'subHealthy'), book.sum(key, 'years')];
      const wrong = book.sum(key, 'wrong');
      const right = years === 0 ? 1 : 1 - wrong / (years * DAYS * 86_400);
      if (mistakes === 0) return `none in ${short(years)} years / – / 1`;
      return `${duration((years * DAYS * 86_400) / mistakes)} / ${duration(wrong / mistakes)} / ${right.toFixed(6)}`;
    }),
  ];
  return table(head, [
    ...PEERS.map(({ id, title }) => row(title, (loss) => `peer/S01/${id}/equal-budget/${loss}`)),
    row('**sonde, one vantage**', (loss) => `S01/1v/${loss}`),
    row('**sonde, three vantages**', (loss) => `S01/3v/${loss}`),
  ]);
}

function duration(seconds: number): string {
  if (seconds < 120) return `${short(seconds)} s`;
  if (seconds < 7_200) return `${short(seconds / 60)} min`;
  if (seconds < 172_800) return `${short(seconds / 3_600)} h`;
  return `${short(seconds / 86_400)} d`;
}

function fleets(book: Book): readonly string[] {
  const wrong = (key: string): string => {
    if (!book.has(key)) return '–';
    const seconds = book.sum(key, 'wrongDead') / book.sum(key, 'runs');
    return seconds === 0 ? '0' : `${book.max(key, 'peak')} / ${short(seconds)}`;
  };
  const rows = FAULTS.filter(({ id }) => book.has(`fleet/3v/${id}`)).map(({ id, title }) => [
    title,
    ...CONTENDERS.map((contender) => wrong(`peer/fleet/${contender.id}/${id}`)),
    `**${wrong(`fleet/1v/${id}`)}**`,
    `**${wrong(`fleet/3v/${id}`)}**`,
  ]);
  return table(['', ...CONTENDERS.map(({ title }) => title), 'sonde, one vantage', 'sonde, three'], rows);
}

function ownFleets(book: Book): readonly string[] {
  const head = [
    '',
    'vantages',
    'written dead p50 / p99',
    'missed',
    'batches',
    'back p50 / p99',
    'writes a run',
    'sub-healthy, target-seconds a run',
    'looks, of scheduled',
  ];
  const rows = FAULTS.flatMap(({ id, title }) =>
    ['1v', '3v']
      .map((v) => `fleet/${v}/${id}`)
      .filter((key) => book.has(key))
      .map((key) => {
        const runs = book.sum(key, 'runs');
        const [found, back] = [book.spread(key, 'found'), book.spread(key, 'back')];
        return [
          title,
          key.includes('/1v/') ? '1' : '3',
          found.n === 0 ? '–' : `${short(found.p50)} / ${short(found.p99)}`,
          `${book.sum(key, 'missed')} of ${book.sum(key, 'died')}`,
          String(book.max(key, 'batches')),
          back.n === 0 ? '–' : `${short(back.p50)} / ${short(back.p99)}`,
          short(book.sum(key, 'writes') / runs),
          short(book.sum(key, 'wrongSubHealthy') / runs),
          book.spread(key, 'looks').mean.toFixed(3),
        ];
      }),
  );
  return table(head, rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(row)];
}
