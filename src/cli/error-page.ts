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
  const about = Object.entries(PROBLEM_CODES).find(([known]) => known === code)?.[1];
  if (about === undefined) {
    const meant = nearest(code, Object.keys(PROBLEM_CODES));
    complain(io, `there is no error ${code}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
    io.exit(1);
    return;
  }
  try {
    io.out.write(await readFile(new URL(`${code}.md`, PAGES), 'utf8'));
  } catch {
    // Whoever packed this sonde left the pages out.
    io.out.write(`${code}: ${about}.\n`);
  }
}
