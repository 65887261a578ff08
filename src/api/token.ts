/** The token for what changes state: read from its file, made if the file is missing. */

import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export type TokenResult =
  /** `exposed`: others than the owner may read the file. */
  | { readonly kind: 'token'; readonly token: string; readonly exposed: boolean }
  /** The file cannot be read or made, or holds no token; `reason` starts with the file. */
  | { readonly kind: 'unusable'; readonly reason: string };

const FORM = /^[\x21-\x7e]{16,1024}$/;

/**
 * `file` is absolute; its folder is made too. The file has mode 0600. `ownOnly`: it lies where anybody may write, so one that
 * somebody else put there beforehand is not taken.
 */
export async function loadToken(file: string, ownOnly = false): Promise<TokenResult> {
  try {
    const text = (await readIfThere(file)) ?? (await make(file));
    const token = text.trim();
    if (!FORM.test(token)) {
      return {
        kind: 'unusable',
        reason: `${file}: holds no token (one line of 16 or more printable characters)`,
      };
    }
    const { mode, uid } = await stat(file);
    if (ownOnly && uid !== process.getuid?.())
      return { kind: 'unusable', reason: `${file}: belongs to somebody else` };
    return { kind: 'token', token, exposed: (mode & 0o077) !== 0 };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { kind: 'unusable', reason: `${file}: ${String(codeOf(error))}` };
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, and never over one that another process made meanwhile. */
async function make(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return readFile(file, 'utf8');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
