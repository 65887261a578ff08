/** Collects the problems of a configuration, so that all are told at once and each only once. */

import type { Note, Problem, ProblemCode } from './problem.ts';
import type { Source } from './source.ts';
import type { Located, Span } from './tree.ts';

export interface Finding {
  readonly code: ProblemCode;
  readonly message: string;
  readonly at: Span;
  readonly notes?: readonly { readonly at: Span; readonly message: string }[];
  readonly hint?: string | undefined;
}

/** Places of the same kind that are named with a problem; an anchor may be used a thousand times. */
const MOST_NOTES = 3;

export class Findings {
  readonly #source: Source;
  /** Each with the offset at which it stands. */
  readonly #problems = new Map<string, { readonly problem: Problem; readonly start: number }>();

  constructor(source: Source) {
    this.#source = source;
  }

  get failed(): boolean {
    return [...this.#problems.values()].some(({ problem }) => problem.severity === 'error');
  }

  /** Warnings are the codes from SND3000. */
  add({ code, message, at, notes = [], hint }: Finding): void {
    const severity = code.startsWith('SND3') ? 'warning' : 'error';
    const placed = notes.map((note): Note => ({ ...this.#source.place(note.at), message: note.message }));
    const key = `${code} ${at.start} ${message}`;
    const known = this.#problems.get(key)?.problem;
    const problem = {
      ...(known ?? {
        code,
        severity,
        message,
        ...this.#source.place(at),
        ...(hint !== undefined && { hint }),
      }),
      notes: withoutRepeats([...(known?.notes ?? []), ...placed]),
    } as const;
    this.#problems.set(key, { problem, start: at.start });
  }

  /** In the order of the texts. */
  sorted(): readonly Problem[] {
    return [...this.#problems.values()]
      .sort((a, b) => a.start - b.start || a.problem.code.localeCompare(b.problem.code))
      .map(({ problem }) => problem);
  }
}

/** What to say of the aliases and merge keys that lead to a place. */
export function usesOf({
  aliases,
  merges,
}: Pick<Located, 'aliases' | 'merges'>): NonNullable<Finding['notes']> {
  const said = new Set(merges.map(({ start }) => start));
  return [
    ...merges.map((at) => ({ at, message: 'merged in here' })),
    ...aliases.filter(({ start }) => !said.has(start)).map((at) => ({ at, message: 'used here' })),
  ];
}

function withoutRepeats(notes: readonly Note[]): readonly Note[] {
  const kept: Note[] = [];
  for (const note of notes) {
    const { message, start } = note;
    if (
      kept.some(
        (one) =>
          one.message === message &&
          one.file === note.file &&
          one.start.line === start.line &&
          one.start.col === start.col,
      )
    )
      continue;
    if (kept.filter((one) => one.message === message).length < MOST_NOTES) kept.push(note);
  }
  return kept;
}
