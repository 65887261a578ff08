/** What the files of a configuration say, as one short hash: by it a change is noticed, however it came about. */

import { createHash } from 'node:crypto';

/** The content of an absolute path, undefined where it cannot be read. */
export type ReadContent = (path: string) => Promise<string | undefined>;

/** 12 hex digits; a file that cannot be read counts as that. */
export async function revisionOf(files: readonly string[], read: ReadContent): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await read(file);
    hash.update(JSON.stringify([file, content ?? null]));
  }
  return hash.digest('hex').slice(0, 12);
}
