/** Servers that .ci/servers/*.sh install outside the repository: `${SONDE_SERVERS:-~/.cache/sonde-servers}/NAME-VERSION`. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const CACHE = process.env.SONDE_SERVERS ?? join(homedir(), '.cache/sonde-servers');

/** The newest folder of that server in the cache that has the file `witness`, or undefined. */
export function cachedServer(name: string, witness: string): string | undefined {
  if (!existsSync(CACHE)) return undefined;
  return readdirSync(CACHE)
    .filter((folder) => folder.startsWith(`${name}-`))
    .map((folder) => join(CACHE, folder))
    .filter((folder) => existsSync(join(folder, witness)))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}
