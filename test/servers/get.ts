/** Gets the real servers: what Debian has is installed, what scripts bring is put into the cache outside the repository. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { programPath } from '../support/servers.ts';
import { type Origin, SERVERS, type Server } from './list.ts';

/** What the table of the test run starts from. */
export interface Had {
  readonly name: string;
  /** Empty where it could not be had. */
  readonly version: string;
  /** Why it could not be had. */
  readonly why?: string;
}

const SCRIPTS = join(import.meta.dirname, '../../.ci/servers');

/** `cached`: what takes many minutes to build is taken only where it was built before. */
export function getServers(cached: boolean, say: (line: string) => void): readonly Had[] {
  installPackages(say);
  return SERVERS.map((server) => getOne(server, cached, say));
}

function installPackages(say: (line: string) => void): void {
  const missing = SERVERS.flatMap(({ origin }) =>
    origin.kind === 'debian' && programPath(origin.program) === undefined ? [origin.package] : [],
  );
  if (missing.length === 0 || programPath('apt-get') === undefined) return;
  say(`installing ${missing.join(', ')} from Debian's packages`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 2, 2], env });
  // One by one: what is missing in this release of Debian takes nothing else with it.
  for (const one of missing)
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', one], {
      stdio: ['ignore', 2, 2],
      env,
    });
}

function getOne({ name, origin }: Server, cached: boolean, say: (line: string) => void): Had {
  switch (origin.kind) {
    case 'debian':
      if (programPath(origin.program) === undefined)
        return { name, version: '', why: `Debian's package ${origin.package} could not be installed` };
      return { name, version: versionOfPackage(origin.package) };
    case 'script':
      return runScript(name, origin, cached, say);
    default:
      return origin satisfies never;
  }
}

function versionOfPackage(of: string): string {
  try {
    const version = execFileSync('dpkg-query', ['-W', '-f=${Version}', of], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    // Without the epoch and Debian's own revision.
    return version.replace(/^[0-9]+:/, '').replace(/[-+~].*$/, '');
  } catch {
    return 'of its own';
  }
}

function runScript(
  name: string,
  { script, slow }: Extract<Origin, { kind: 'script' }>,
  cached: boolean,
  say: (line: string) => void,
): Had {
  const path = join(SCRIPTS, script);
  const flags = cached && slow ? ['--cached'] : [];
  say(`${name}: .ci/servers/${[script, ...flags].join(' ')}`);
  const { status, stdout, stderr } = spawnSync('bash', [path, ...flags], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status === 0) return { name, version: stdout.trim().split('\n').map(versionAt).join(', ') };
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return { name, version: '', why: last === '' ? `.ci/servers/${script} failed` : last };
}

/** Folders are called NAME-VERSION; some say in a file which version of the server that is. */
function versionAt(path: string): string {
  const folder = existsSync(join(path, 'ready')) ? path : dirname(path);
  const said = existsSync(join(folder, 'ready')) ? readFileSync(join(folder, 'ready'), 'utf8').trim() : '';
  return said === ''
    ? basename(/-[0-9]/.test(basename(path)) ? path : folder).replace(/^.*?-(?=[0-9])/, '')
    : said;
}
