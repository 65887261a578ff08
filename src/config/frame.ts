/** Problems for people: the lines they are about, with a caret under the place. Pure. */

import { styleText } from 'node:util';
import { displayWidth, fitWidth, printable } from '../lib/text-width.ts';
import type { Note, Place, Problem, ShownTexts } from './problem.ts';

export interface FrameOptions {
  readonly colour: boolean;
  /** Columns of the terminal. */
  readonly columns: number;
}

type Style = 'red' | 'yellow' | 'blue' | 'bold';

/** One problem: what, where, the line before and the line, the places that have to do with it, a hint. Ends with a line end. */
export function frame(problem: Problem, texts: ShownTexts, options: FrameOptions): string {
  const { severity, code, message, file, start, notes, hint } = problem;
  const colour = severity === 'error' ? 'red' : 'yellow';
  const paint = painter(options);
  const places = [problem, ...notes];
  const gutter = Math.max(...places.map((place) => String(place.start.line).length));
  const bar = (mark: string): string => paint('blue', `${' '.repeat(gutter)} ${mark}`);
  const lines = [
    `${paint(colour, `${severity}[${code}]`)}${paint('bold', `: ${printable(message)}`)}`,
    `${bar('┌─')} ${file}:${start.line}:${start.col}`,
    ...excerpt(problem, '^', '', { texts, gutter, colour, paint, columns: options.columns, before: 1 }),
    ...notes.flatMap((note) => [
      bar(note.file === file ? '·' : `· ${note.file}`),
      ...excerpt(note, '-', note.message, {
        texts,
        gutter,
        colour: 'blue',
        paint,
        columns: options.columns,
        before: 0,
      }),
    ]),
    ...(hint === undefined ? [] : [`${bar('=')} help: ${printable(hint)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

interface Drawing {
  readonly texts: ShownTexts;
  readonly gutter: number;
  readonly colour: Style;
  readonly paint: (style: Style, text: string) => string;
  readonly columns: number;
  /** Lines above the place that are shown too. */
  readonly before: number;
}

/** The line of the place, underlined; nothing where the text is not at hand. */
function excerpt(place: Place | Note, mark: string, label: string, drawing: Drawing): readonly string[] {
  const { texts, gutter, paint, columns, before } = drawing;
  const lines = texts.get(place.file)?.split(/\r?\n/);
  const line = lines?.[place.start.line - 1];
  if (lines === undefined || line === undefined)
    return label === '' ? [] : [`${' '.repeat(gutter)}   ${label}`];
  const room = Math.max(20, columns - gutter - 4);
  const numbered = (number: number, text: string): string =>
    `${paint('blue', `${String(number).padStart(gutter)} │`)} ${text}`.trimEnd();
  const from = place.start.col - 1;
  const to =
    place.end.line === place.start.line
      ? Math.max(from + 1, place.end.col - 1)
      : Math.max(from + 1, line.length);
  const shown = cut(line, from, to, room);
  const underline = `${' '.repeat(displayWidth(shown.before))}${paint(drawing.colour, mark.repeat(Math.max(1, displayWidth(shown.at))))}`;
  const above = before > 0 && place.start.line > 1 ? lines[place.start.line - 2] : undefined;
  return [
    ...(above === undefined || above.trim() === ''
      ? []
      : [numbered(place.start.line - 1, fitWidth(flat(above), room))]),
    numbered(place.start.line, shown.before + shown.at + shown.after),
    `${paint('blue', `${' '.repeat(gutter)} │`)} ${underline}${label === '' ? '' : ` ${paint(drawing.colour, label)}`}`,
  ];
}

/** The part of a line that holds the place and fits, in three: before, at and after the place. */
function cut(line: string, from: number, to: number, room: number) {
  const at = fitWidth(flat(line.slice(from, to)), room);
  const left = room - displayWidth(at);
  let before = flat(line.slice(0, from));
  if (displayWidth(before) > left)
    before = `…${tail(before, Math.max(0, Math.min(left - 1, Math.floor(room / 2))))}`;
  const rest = Math.max(0, left - displayWidth(before));
  return { before, at, after: fitWidth(flat(line.slice(to)), rest) };
}

/** The end of a text that takes at most `width` columns. */
function tail(text: string, width: number): string {
  const characters = [...text];
  while (displayWidth(characters.join('')) > width) characters.shift();
  return characters.join('');
}

/** One column a tab, so that carets stand right. */
function flat(text: string): string {
  return printable(text.replaceAll('\t', ' '));
}

function painter({ colour }: FrameOptions): Drawing['paint'] {
  // The caller knows the stream and the environment.
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
}
