/** Tables as kubectl draws them: upper-case titles, three spaces between columns, no borders. Pure. */

import { styleText } from 'node:util';
import { displayWidth, fitWidth, printable } from '../lib/text-width.ts';

export type Tone = 'good' | 'poor' | 'bad' | 'dim' | 'strong';

/** A text, or one that colour underlines (never the only thing that says it). */
export type Cell = string | { readonly text: string; readonly tone: Tone };

export interface Column<R> {
  readonly title: string;
  readonly cell: (row: R) => Cell;
  /** Rather others are cut than this one. */
  readonly whole?: boolean;
}

export interface TableOptions {
  /** Columns of the terminal; lines are cut to it as long as every column keeps six of them. Infinite: nothing is cut. */
  readonly width: number;
  readonly color: boolean;
}

/** Widths of the columns, so that rows that come later stand under the same titles. */
export type Layout = readonly number[];

const GUTTER = '   ';
/** A column is cut to no less, titles aside. */
const LEAST = 6;
const COLORS = {
  good: 'green',
  poor: 'yellow',
  bad: 'red',
  dim: 'dim',
  strong: 'bold',
} as const satisfies Record<Tone, string>;

/** Titles and rows, a line each. */
export function renderTable<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  options: TableOptions,
): string {
  const layout = layOut(columns, rows, options.width);
  return renderTitles(columns, layout) + renderRows(columns, rows, layout, options.color);
}

/** No narrower than `atLeast`, unless that is too wide for the terminal. */
export function layOut<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  width: number,
  atLeast: Layout = [],
): Layout {
  const widths = columns.map(({ title, cell }, i) =>
    rows.reduce(
      (most, row) => Math.max(most, displayWidth(textOf(cell(row)))),
      Math.max(title.length, atLeast[i] ?? 0),
    ),
  );
  const titles = columns.map(({ title }) => Math.max(title.length, LEAST));
  const whole = columns.map((column, i) => (column.whole === true ? (widths[i] ?? 0) : LEAST));
  const least = columns.map(() => LEAST);
  narrow(
    widths,
    width,
    whole.map((one, i) => Math.max(one, titles[i] ?? 0)),
  );
  narrow(widths, width, whole);
  narrow(widths, width, least);
  return widths;
}

/** Takes from the widest column that is wider than its `floor`, until the line fits or there is none. */
function narrow(widths: number[], width: number, floor: readonly number[]): void {
  let excess = widths.reduce((sum, one) => sum + one, GUTTER.length * (widths.length - 1)) - width;
  for (; excess > 0; excess--) {
    let widest = -1;
    for (const [i, one] of widths.entries()) {
      if (one > (floor[i] ?? 0) && one > (widths[widest] ?? 0)) widest = i;
    }
    const current = widths[widest];
    if (current === undefined) return;
    widths[widest] = current - 1;
  }
}

export function renderTitles<R>(columns: readonly Column<R>[], layout: Layout): string {
  return renderLine(
    columns.map(({ title }) => title),
    layout,
    false,
  );
}

export function renderRows<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  layout: Layout,
  color: boolean,
): string {
  const lines = rows.map((row) =>
    renderLine(
      columns.map(({ cell }) => cell(row)),
      layout,
      color,
    ),
  );
  return lines.join('');
}

function renderLine(cells: readonly Cell[], layout: Layout, color: boolean): string {
  const texts = cells.map((cell, i) => {
    const width = layout[i] ?? 0;
    const text = fitWidth(textOf(cell), width);
    const padding = i === cells.length - 1 ? '' : ' '.repeat(Math.max(0, width - displayWidth(text)));
    return (typeof cell === 'string' ? text : paint(text, cell.tone, color)) + padding;
  });
  return `${texts.join(GUTTER)}\n`;
}

function textOf(cell: Cell): string {
  return printable(typeof cell === 'string' ? cell : cell.text);
}

export function paint(text: string, tone: Tone, color: boolean): string {
  return color ? styleText(COLORS[tone], text, { validateStream: false }) : text;
}
