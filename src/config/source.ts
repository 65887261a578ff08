/** The files of the configuration: their texts, places in them, and the texts as they may be shown. */

import type { LineCounter } from 'yaml';
import type { Place, ShownTexts } from './problem.ts';
import type { Span } from './tree.ts';

/** One file. Its offsets start at `base`, so that an offset says which of several files is meant too. */
export interface SourceFile {
  /** As the user named it. */
  readonly file: string;
  readonly text: string;
  readonly base: number;
  /** Has seen the text. */
  readonly lines: LineCounter;
}

export class Source {
  /** In the order of their bases. */
  readonly files: readonly SourceFile[];

  /** At least one; the base of each lies behind the end of the one before it. */
  constructor(files: readonly SourceFile[]) {
    this.files = files;
  }

  place({ start, end }: Span): Place {
    const one = this.#fileAt(start);
    return { file: one?.file ?? '', start: at(one, start), end: at(one, Math.max(start, end)) };
  }

  /** The texts with every character of the spans but line ends replaced by `*`, so that columns stay. */
  masked(spans: Iterable<Span>): ShownTexts {
    const all = [...spans].sort((a, b) => a.start - b.start);
    return new Map(this.files.map((one) => [one.file, maskedText(one, all)]));
  }

  /** What is written in a span. */
  textAt({ start, end }: Span): string {
    const one = this.#fileAt(start);
    return one?.text.slice(start - one.base, end - one.base) ?? '';
  }

  #fileAt(offset: number): SourceFile | undefined {
    return this.files.findLast(({ base }) => base <= offset) ?? this.files[0];
  }
}

/** `spans` are sorted. */
function maskedText({ text, base }: SourceFile, spans: readonly Span[]): string {
  let shown = '';
  let done = 0;
  for (const span of spans) {
    const [start, end] = [span.start - base, span.end - base];
    if (end <= done || start >= text.length) continue;
    const from = Math.max(start, done);
    shown += text.slice(done, from) + text.slice(from, end).replace(/[^\r\n]/g, '*');
    done = end;
  }
  return shown + text.slice(done);
}

function at(one: SourceFile | undefined, offset: number): { readonly line: number; readonly col: number } {
  if (one === undefined) return { line: 1, col: 1 };
  const { line, col } = one.lines.linePos(Math.min(offset - one.base, one.text.length));
  return { line: Math.max(1, line), col: Math.max(1, col) };
}
