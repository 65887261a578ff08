/** One file of the configuration: its text, places in it, and the text as it may be shown. */

import type { LineCounter } from 'yaml';
import type { Place } from './problem.ts';
import type { Span } from './tree.ts';

export class Source {
  readonly file: string;
  readonly text: string;
  readonly #lines: LineCounter;

  /** `lines` has seen the text. */
  constructor(file: string, text: string, lines: LineCounter) {
    this.file = file;
    this.text = text;
    this.#lines = lines;
  }

  place({ start, end }: Span): Place {
    return { file: this.file, start: this.#at(start), end: this.#at(Math.max(start, end)) };
  }

  /** The text with every character of the spans but line ends replaced by `*`, so that columns stay. */
  masked(spans: Iterable<Span>): string {
    let text = '';
    let done = 0;
    for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
      if (end <= done) continue;
      const from = Math.max(start, done);
      text += this.text.slice(done, from) + this.text.slice(from, end).replace(/[^\r\n]/g, '*');
      done = end;
    }
    return text + this.text.slice(done);
  }

  #at(offset: number): { readonly line: number; readonly col: number } {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.text.length));
    return { line: Math.max(1, line), col: Math.max(1, col) };
  }
}
