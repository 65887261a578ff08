/** The folder of a journal: what an earlier process left in it, and what is put aside because it cannot be trusted. */

import { copyFile, link, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Left, readJournal } from './records.ts';

/** Damaged files that are kept for whoever wants to look at them. */
const KEPT = 3;

export async function readLeft(file: string): Promise<Left> {
  try {
    return readJournal(await readFile(file));
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const nothing = { values: new Map(), texts: new Map() };
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    return missing ? nothing : { ...nothing, damage: `it cannot be read (${code})` };
  }
}

/** The file is there under that name too, and only the newest few of its kind are. */
export async function putAside(file: string, aside: string): Promise<void> {
  try {
    await link(file, aside);
  } catch (error) {
    // Done by an earlier try, or nothing is there any more.
    const code = codeOf(error);
    if (code === 'EEXIST' || code === 'ENOENT') return;
    // Some file systems know no links.
    await copyFile(file, aside);
  }
  const folder = dirname(file);
  const prefix = `${basename(file)}.corrupt-`;
  const all = (await readdir(folder)).filter((name) => name.startsWith(prefix)).sort();
  for (const name of all.slice(0, -KEPT)) await rm(join(folder, name), { force: true });
}

/** Of an error of the system or of SQLite; undefined for a mistake of ours. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
