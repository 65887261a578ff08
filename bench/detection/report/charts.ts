/** The two pictures of the results as SVG: detection time against false alarms, and one gray target under each rule. */

import { intervalOf, MODES, PEERS } from '../peers/peers.ts';
import { STATES, TIMELINE } from '../scenarios/timeline.ts';
import type { Book } from './book.ts';

const INK = '#1f2933';
const FAINT = '#9aa5b1';
const OURS = '#0b6e4f';
const COLOURS = { shipped: '#b4540a', 'equal-budget': '#2f5d9b' } as const;
const STATE_COLOURS = { healthy: '#7bc47f', 'sub-healthy': '#f0b429', dead: '#d64545' } as const;
const FONT = 'font-family="system-ui, sans-serif"';

interface Point {
  readonly title: string;
  readonly seconds: number;
  /** False dead a target-year; `seen` false: an upper limit, none was seen. */
  readonly yearly: number;
  readonly seen: boolean;
  readonly colour: string;
}

/** Mean detection time of a black hole against false deaths, both at 10 % loss, where the rules lie apart. */
export function tradeOff(book: Book, loss: number): string {
  const points = [
    ...MODES.flatMap((mode) =>
      PEERS.map((rule) =>
        point(
          book,
          `${rule.title.replace(/ \(.*/, '')}, ${intervalOf(rule, mode) / 1_000} s`,
          `peer/S03/${rule.id}/${mode}/${loss}`,
          `peer/S01/${rule.id}/${mode}/${loss}`,
          COLOURS[mode],
        ),
      ),
    ),
    point(book, 'sonde, 1 vantage, 5 s', `S03/1v/black-hole/${loss}`, `S01/1v/${loss}`, OURS),
    point(book, 'sonde, 3 vantages, 5 s', `S03/3v/black-hole/${loss}`, `S01/3v/${loss}`, OURS),
  ].filter(({ seconds }) => Number.isFinite(seconds) && seconds > 0);
  const [width, left, right, bottom] = [980, 100, 300, 60];
  const height = Math.max(560, 125 + 14 * points.length);
  const x = logScale(2, 200, left, width - right);
  const y = logScale(0.01, 1e7, height - bottom, 40);
  // By number: names beside the points would lie upon each other.
  const numbered = points.toSorted((a, b) => b.yearly - a.yearly || a.seconds - b.seconds);
  const spots = apart(numbered.map(({ seconds, yearly }) => [x(seconds), y(yearly)]));
  const marks = numbered.flatMap(({ title, seconds, yearly, seen, colour }, index) => {
    const [px, py] = [x(seconds), y(yearly)];
    const [tx, ty] = spots[index] ?? [px, py];
    const shape = seen
      ? `<circle cx="${px}" cy="${py}" r="4" fill="${colour}"/>`
      : `<path d="M${px - 5} ${py - 4}h10l-5 9z" fill="${colour}"/>`;
    const weight = colour === OURS ? ' font-weight="bold"' : '';
    const row = 110 + 14 * index;
    return [
      shape,
      `<text x="${tx}" y="${ty}" font-size="10" text-anchor="middle" fill="${colour}"${weight}>${index + 1}</text>`,
      `<text x="${width - right + 42}" y="${row}" font-size="10" text-anchor="end" fill="${colour}"${weight}>${index + 1}</text>`,
      `<text x="${width - right + 50}" y="${row}" font-size="10" fill="${colour}"${weight}>${escaped(title)}</text>`,
    ];
  });
  const grid = [
    ...[2, 5, 10, 20, 50, 100, 200].map(
      (s) =>
        `<line x1="${x(s)}" x2="${x(s)}" y1="40" y2="${height - bottom}" stroke="#e4e7eb"/><text x="${x(s)}" y="${height - bottom + 18}" font-size="11" text-anchor="middle" fill="${INK}">${s}</text>`,
    ),
    ...[0.01, 0.1, 1, 10, 100, 1_000, 1e4, 1e5, 1e6, 1e7].map(
      (n) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(n)}" y2="${y(n)}" stroke="#e4e7eb"/><text x="${left - 8}" y="${y(n) + 4}" font-size="11" text-anchor="end" fill="${INK}">${n.toLocaleString('en-US').replaceAll(',', ' ')}</text>`,
    ),
  ];
  const key = [
    ...MODES.map((mode) => [COLOURS[mode], `others, ${mode}`] as const),
    [OURS, 'sonde, defaults'] as const,
  ];
  return svg(width, height, `Detection time against false deaths at ${100 * loss} % loss`, [
    ...grid,
    `<text x="${(left + width - right) / 2}" y="${height - 16}" font-size="12" text-anchor="middle" fill="${INK}">seconds until a black hole is dead, mean (lower is better)</text>`,
    `<text transform="translate(20 ${(height - bottom + 40) / 2}) rotate(-90)" font-size="12" text-anchor="middle" fill="${INK}">false deaths of a healthy target a year; ▾ none seen, at most this</text>`,
    ...marks,
    ...key.map(
      ([colour, text], index) =>
        `<circle cx="${width - right + 38}" cy="${48 + 16 * index}" r="4" fill="${colour}"/><text x="${width - right + 50}" y="${52 + 16 * index}" font-size="11" fill="${INK}">${text}</text>`,
    ),
  ]);
}

type Place = readonly [x: number, y: number];

/** Where the numbers of points may stand: beside their point, and upon no other number or point. */
function apart(points: readonly Place[]): readonly Place[] {
  const beside: readonly Place[] = [
    [12, 4],
    [-12, 4],
    [0, -7],
    [0, 15],
    [12, -6],
    [12, 14],
    [-12, -6],
    [-12, 14],
    [0, -18],
    [0, 26],
    [0, -29],
    [0, 37],
  ];
  const taken: Place[] = points.map(([px, py]) => [px, py + 4]);
  return points.map(([px, py]) => {
    const spots = beside.map(([dx, dy]): Place => [round(px + dx), round(py + dy)]);
    const free = spots.find(([sx, sy]) =>
      taken.every(([ox, oy]) => Math.abs(sx - ox) > 11 || Math.abs(sy - oy) > 9),
    );
    const spot = free ?? [round(px + 12), round(py + 4)];
    taken.push(spot);
    return spot;
  });
}

function point(book: Book, title: string, crash: string, quiet: string, colour: string): Point {
  const years = book.sum(quiet, 'years');
  const dead = book.sum(quiet, 'dead');
  return {
    title,
    seconds: book.spread(crash, 'found').mean,
    yearly: (dead === 0 ? 3 : dead) / years,
    seen: dead > 0,
    colour,
  };
}

/** One bar a rule, coloured by what the rule says at each moment. */
export function timelines(samples: (rule: string) => readonly number[]): string {
  const rules = [
    { id: 'sonde', title: 'sonde, one vantage', colour: OURS },
    ...PEERS.map(({ id, title }) => ({ id, title, colour: INK })),
  ];
  const [width, left, row] = [860, 220, 22];
  const height = 70 + rules.length * row + 40;
  const { from, ill, well, until } = TIMELINE;
  const x = (at: number): number =>
    round(left + ((Math.max(from, at) - from) / (until - from)) * (width - left - 20));
  const bars = rules.flatMap(({ id, title, colour }, index) => {
    const y = 60 + index * row;
    const list = samples(id);
    const parts: string[] = [];
    let [state, since] = [0, from];
    const paint = (to: number): void => {
      if (to <= from) return;
      const fill = STATE_COLOURS[STATES[state] ?? 'healthy'];
      parts.push(
        `<rect x="${x(since)}" y="${y}" width="${round(Math.max(0.5, x(to) - x(since)))}" height="${row - 7}" fill="${fill}"/>`,
      );
    };
    for (let next = 0; next < list.length; next += 2) {
      const at = list[next] ?? 0;
      paint(at);
      state = list[next + 1] ?? 0;
      since = Math.max(from, at);
    }
    paint(until);
    return [
      `<text x="${left - 8}" y="${y + 12}" font-size="11" text-anchor="end" fill="${colour}">${escaped(title)}</text>`,
      ...parts,
    ];
  });
  const edge = (at: number, text: string): string =>
    `<line x1="${x(at)}" x2="${x(at)}" y1="46" y2="${height - 40}" stroke="${INK}" stroke-dasharray="3 3"/><text x="${x(at)}" y="42" font-size="11" text-anchor="middle" fill="${INK}">${text}</text>`;
  return svg(width, height, 'A gray failure: 5xx on half of the requests for ten minutes, one look per 5 s', [
    ...bars,
    edge(ill, 'half of the answers are 5xx'),
    edge(well, 'well again'),
    ...STATES.map(
      (state, index) =>
        `<rect x="${left + 130 * index}" y="${height - 26}" width="12" height="12" fill="${STATE_COLOURS[state]}"/><text x="${left + 130 * index + 18}" y="${height - 16}" font-size="11" fill="${INK}">${state}</text>`,
    ),
  ]);
}

function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ${FONT}>`;
  const plate = `<rect width="${width}" height="${height}" fill="#ffffff" stroke="${FAINT}"/>`;
  const caption = `<text x="${width / 2}" y="24" font-size="15" text-anchor="middle" fill="${INK}">${escaped(title)}</text>`;
  return `${[head, `<title>${escaped(title)}</title>`, plate, caption, ...parts, '</svg>'].join('\n')}\n`;
}

function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  return (value) => {
    const share = Math.log(Math.min(high, Math.max(low, value)) / low) / Math.log(high / low);
    return round(from + share * (to - from));
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
