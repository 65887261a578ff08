/** The whole bench as a function: cells in, the book of results, the lines and what is written of them out. */

import { createHash } from 'node:crypto';
import { type Cell, type Job, VANTAGES } from './jobs.ts';
import { type Kept, runAll } from './pool.ts';
import { Book } from './report/book.ts';
import { type Line, linesOf } from './report/lines.ts';
import type { Result } from './result.ts';

export interface Outcome {
  readonly book: Book;
  readonly lines: readonly Line[];
  /** The content of qos.json: the same for the same cells and seeds. */
  readonly qos: string;
}

export async function bench(
  cells: readonly Cell[],
  seeds: readonly number[],
  threads: number,
  told: (job: Job) => void,
  kept?: Kept,
): Promise<Outcome> {
  const jobs = cells.flatMap((cell) => seeds.map((seed): Job => ({ cell, seed })));
  const results = await runAll(jobs, threads, told, kept);
  const byKey = new Map<string, Result[]>();
  for (const [index, { cell }] of jobs.entries()) {
    const one = results[index];
    if (one === undefined) throw new Error(`no result of ${cell.key}`);
    const list = byKey.get(cell.key);
    if (list === undefined) byKey.set(cell.key, [one]);
    else list.push(one);
  }
  const book = new Book(byKey);
  const lines = linesOf(book, VANTAGES);
  const content = { seeds, cells: book.toJson(), lines };
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  return { book, lines, qos: `${JSON.stringify({ hash, ...content }, undefined, 1)}\n` };
}
