/** The pages about error codes, which travel with the program. */

import { readFile } from 'node:fs/promises';
import { PROBLEM_CODES } from '../config/problem.ts';
import { nearest } from '../lib/edit-distance.ts';
import type { Io } from './io.ts';
import { complain } from './tell.ts';

/** From `src/cli` and from `dist/cli` alike. */
const PAGES = new URL('../../docs/errors/', import.meta.url);

/** Prints the page of the code; exits with 1 where there is no such code. */
export async function tellErrorPage(code: string, io: Io): Promise<void> {
  const codes = Object.keys(PROBLEM_CODES);
  if (codes.includes(code)) {
    io.out.write(await readFile(new URL(`${code}.md`, PAGES), 'utf8'));
    return;
  }
  const meant = nearest(code, codes);
  complain(io, `there is no error ${code}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  io.exit(1);
}
