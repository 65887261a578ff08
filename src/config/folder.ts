/** The files of a folder that are a configuration. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Sorted names of its `*.yaml` and `*.yml`, without those that start with a dot (the swapped folders of a mounted
 * ConfigMap among them); undefined where the absolute path is no folder that can be read.
 */
export async function configFilesIn(path: string): Promise<readonly string[] | undefined> {
  let names: readonly string[];
  try {
    names = await readdir(path);
  } catch {
    return undefined;
  }
  const found: string[] = [];
  for (const name of [...names].sort())
    if (/^[^.].*\.ya?ml$/.test(name) && !(await isFolder(join(path, name)))) found.push(name);
  return found;
}

/** What has just gone is no folder: that it cannot be read is told where it is read. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
