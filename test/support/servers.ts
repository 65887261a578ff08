/** Real servers that tests need: a missing one skips with its reason, and fails where SONDE_REQUIRE_SERVERS names it. */

import { accessSync, constants, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { describe } from 'vitest';

/** Path of the program, or undefined where the machine does not have it; `program` may be a path itself. */
export function programPath(program: string): string | undefined {
  if (isAbsolute(program)) return isExecutable(program) ? program : undefined;
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', ...built(program)];
  for (const folder of folders) {
    const path = join(folder, program);
    if (isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where `.ci/servers/PROGRAM.sh` puts what it builds: a folder for each version. */
function built(program: string): readonly string[] {
  const cache = process.env.SONDE_SERVERS ?? join(homedir(), '.cache', 'sonde-servers');
  try {
    return readdirSync(cache)
      .filter((name) => name.startsWith(`${program}-`))
      .sort()
      .reverse()
      .map((name) => join(cache, name));
  } catch {
    return [];
  }
}

/** `describe` for tests that need the program of that server. */
export function describeWith(server: string, program: string, title: string, tests: () => void): void {
  const why = programPath(program) === undefined ? `no program ${program}` : undefined;
  describeUnless(server, why, title, tests);
}

/**
 * `describe` for tests that need that server; `why` it cannot be had on this machine, undefined where it is there. By the name
 * behind the title the table of `npm run test:servers` knows whose tests they are; a `release` has a row of its own there.
 */
export function describeUnless(
  server: string,
  why: string | undefined,
  title: string,
  tests: () => void,
  release?: string,
): void {
  const tag = release === undefined ? `[${server}]` : `[${server} ${release}]`;
  if (why === undefined) {
    describe(`${title} ${tag}`, tests);
    return;
  }
  const reason = `${server} is not on this machine (${why})`;
  const required = (process.env.SONDE_REQUIRE_SERVERS ?? '').split(',').map((name) => name.trim());
  if (required.includes(server))
    throw new Error(`${title}: ${reason}, and SONDE_REQUIRE_SERVERS asks for it`);
  process.stderr.write(`skipped: ${title}: ${reason}\n`);
  describe.skip(`${title} (${reason}) ${tag}`, tests);
}
