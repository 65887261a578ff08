/** Whether the state can be kept and the token is nobody else's. */

import { access, constants, mkdtemp, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { tokenPlace } from '../token-place.ts';
import { error, type Finding, ok, warning } from './finding.ts';

/** `f_type` of statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, readonly [string, string?]>> = {
  16914836: ['tmpfs', 'it is lost with the machine, and takes memory'],
  2240043254: ['ramfs', 'it is lost with the machine, and takes memory'],
  2035054128: ['overlayfs', 'in a container it is lost with the container: mount a volume there'],
  26985: ['NFS', 'locks and syncs over the network: a local disk is safer'],
  61267: ['ext4'],
  1481003842: ['XFS'],
  2435016766: ['btrfs'],
  801189825: ['ZFS'],
};
/** Bytes below which the journal may soon have no place. */
const LITTLE = 64 * 1024 * 1024;

export async function examineState({ stateDir }: Config): Promise<readonly Finding[]> {
  if (stateDir === undefined)
    return [
      ok('nothing is kept on disk: state.dir is not set, health starts from the marks in the registries'),
    ];
  const place = await nearestFolder(stateDir);
  const made = place === stateDir ? '' : ' (it is made at the start)';
  try {
    // Tried, because root is told that it may write where nobody can.
    await rmdir(await mkdtemp(join(place, '.sonde-doctor-')));
  } catch (reason) {
    return [
      error(
        `${stateDir} cannot be written: ${codeOf(reason)}`,
        'give the user of sonde the right to write there',
      ),
    ];
  }
  return [ok(`${stateDir} can be written${made}`), ...(await fileSystem(place))];
}

async function fileSystem(place: string): Promise<readonly Finding[]> {
  const { type, bavail, bsize } = await statfs(place);
  const [name, concern] = FILE_SYSTEMS[type] ?? [`a file system of type 0x${type.toString(16)}`];
  const free = bavail * bsize;
  const what = `it is on ${name}, ${Math.floor(free / 1024 / 1024)} MiB are free`;
  if (free < LITTLE) return [warning(what, 'make room: the journal stops when the disk is full')];
  return [concern === undefined ? ok(what) : warning(what, concern)];
}

async function nearestFolder(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch {
    return path === dirname(path) ? path : nearestFolder(dirname(path));
  }
}

export async function examineToken(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Finding[]> {
  const { file, shared } = tokenPlace(config, env);
  try {
    const { mode, uid } = await stat(file);
    const mine = process.getuid?.() === uid;
    if (shared && !mine)
      return [error(`${file} belongs to somebody else`, 'remove it, or set server.tokenFile')];
    await access(file, constants.R_OK);
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    if ((mode & 0o077) !== 0)
      return [warning(`${file} can be read by others (${octal})`, `chmod 600 ${file}`)];
    return [ok(`${file} is for its owner only (${octal})`)];
  } catch (reason) {
    if (codeOf(reason) === 'ENOENT') return [ok(`${file} is made at the start, for its owner only`)];
    return [
      error(`${file} cannot be read: ${codeOf(reason)}`, 'give the user of sonde the right to read it'),
    ];
  }
}

function codeOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return 'code' in reason ? String(reason.code) : reason.message;
}
