import { chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadToken } from '../../src/api/token.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-token-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('loadToken', () => {
  it('makes a token that only its owner can read, and finds it again', async () => {
    const file = join(folder, 'state/token');
    const made = await loadToken(file);
    expect(made).toEqual({ kind: 'token', token: expect.stringMatching(/^[\w-]{43}$/), exposed: false });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toBe(`${made.kind === 'token' ? made.token : ''}\n`);
    expect(await loadToken(file)).toEqual(made);
    expect(await readdir(join(folder, 'state'))).toEqual(['token']);
  });

  it('gives all who come at once the same token', async () => {
    const file = join(folder, 'token');
    const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => loadToken(file)));
    for (const other of others) expect(other).toEqual(first);
    expect(await readdir(folder)).toEqual(['token']);
  });

  it('says when others can read it', async () => {
    const file = join(folder, 'token');
    await writeFile(file, '0123456789abcdef\n', { mode: 0o644 });
    expect(await loadToken(file)).toEqual({ kind: 'token', token: '0123456789abcdef', exposed: true });
  });

  it.each(['', 'short\n', 'two words are no token'])('refuses a file that holds %j', async (text) => {
    const file = join(folder, 'token');
    await writeFile(file, text);
    expect(await loadToken(file)).toMatchObject({ kind: 'unusable', reason: expect.stringContaining(file) });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'takes no token of somebody else where anybody may write (needs root to try)',
    async () => {
      const file = join(folder, 'token');
      await writeFile(file, '0123456789abcdef\n', { mode: 0o600 });
      await chown(file, 12_345, 12_345);
      expect(await loadToken(file, true)).toEqual({
        kind: 'unusable',
        reason: `${file}: belongs to somebody else`,
      });
      expect(await loadToken(file)).toMatchObject({ kind: 'token' });
    },
  );

  it('says why a file cannot be read', async () => {
    const file = join(folder, 'token');
    await mkdir(file);
    expect(await loadToken(file)).toEqual({ kind: 'unusable', reason: `${file}: EISDIR` });
  });
});
