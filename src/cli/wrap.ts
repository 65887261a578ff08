/** Running text and labelled lines within a width. Pure. */

import { displayWidth, printable } from '../lib/text-width.ts';

/** Lines of at most `width` columns, broken between words; a longer word stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(/\s+/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Columns that a label takes, with the space behind it. */
const LABEL = 13;

/** A label with its texts, each wrapped, all of them under each other. */
export function labelled(label: string, texts: readonly string[], width: number): readonly string[] {
  const lines = texts.flatMap((text) =>
    wrap(text, width - LABEL - 2).map((line, at) => (at === 0 ? line : `  ${line}`)),
  );
  return lines.map((line, at) => `${(at === 0 ? label : '').padEnd(LABEL)}${line}`);
}
