import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';
import { tempDir } from '../support/temp-dir.ts';
import { flush, found, open } from './folder.ts';

/** A file system of 1 MiB at the folder; a reason where this machine lets us make none. */
function mount(dir: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

function probeMount(): string | undefined {
  using scope = new DisposableStack();
  const dir = tempDir(scope);
  const reason = mount(dir);
  if (reason === undefined) execFileSync('umount', [dir]);
  return reason;
}

const reason = probeMount();
if (reason !== undefined) process.stderr.write(`skipped: a journal on a disk that fails: ${reason}\n`);

describe.skipIf(reason !== undefined)(
  `a journal on a disk that fails${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    function disk(scope: AsyncDisposableStack): string {
      const dir = tempDir(scope);
      mount(dir);
      scope.defer(() => {
        execFileSync('umount', [dir]);
      });
      return dir;
    }

    /** Leaves so many bytes. */
    function fill(dir: string, left: number): void {
      const { bavail, bsize } = statfsSync(dir);
      writeFileSync(join(dir, 'filler'), Buffer.alloc(bavail * bsize - left));
    }

    it('stops when it is full, says so once, and goes on with all that is current when there is room', async () => {
      await using scope = new AsyncDisposableStack();
      const dir = disk(scope);
      const log = new QuietLog();
      const clock = new ManualClock();
      const journal = scope.use(await open(dir, { log, clock }));
      journal.put('before', 1);
      journal.put('lost', 'soon forgotten');
      await flush(journal);
      fill(dir, 8_192);
      const since = clock.now();
      for (let round = 0; round < 5; round++) {
        for (let n = 0; n < 10; n++) journal.put(`key/${n}`, { round, padding: 'x'.repeat(3_000) });
        journal.put('lost', undefined);
        await flush(journal);
        expect(journal.state).toEqual({ kind: 'failed', reason: expect.stringMatching(/^ENOSPC/), since });
        await clock.advance(60_000);
      }
      expect(log.lines.map(({ level, fields }) => [level, fields.dir])).toEqual([['error', dir]]);
      rmSync(join(dir, 'filler'));
      await flush(journal);
      expect(journal.state).toEqual({ kind: 'ok' });
      expect(log.lines.map(({ level }) => level)).toEqual(['error', 'info']);
      await journal[Symbol.asyncDispose]();
      const values = await found(dir);
      expect(Object.keys(values).sort()).toEqual([
        'before',
        ...Array.from({ length: 10 }, (_, n) => `key/${n}`),
      ]);
      expect(values['key/3']).toMatchObject({ round: 4 });
    });

    it('that was full when its process was killed leaves what was written before', async () => {
      await using scope = new AsyncDisposableStack();
      const dir = disk(scope);
      const copy = tempDir(scope);
      const journal = scope.use(await open(dir));
      journal.put('before', 1);
      await flush(journal);
      fill(dir, 4_096);
      for (let n = 0; n < 10; n++) journal.put(`key/${n}`, 'x'.repeat(3_000));
      await flush(journal);
      writeFileSync(join(copy, 'journal'), readFileSync(join(dir, 'journal')));
      const values = await found(copy);
      expect(values.before).toBe(1);
      expect(Object.keys(values).length).toBeLessThan(11);
    });

    it('finds what is on it when nothing can be written, and writes when it can be', async () => {
      await using scope = new AsyncDisposableStack();
      const dir = disk(scope);
      {
        await using journal = await open(dir);
        journal.put('before', 1);
        await flush(journal);
      }
      execFileSync('mount', ['-o', 'remount,ro', dir]);
      const journal = scope.use(await open(dir));
      expect([...journal.found]).toEqual([['before', 1]]);
      expect(journal.problem).toBeUndefined();
      expect(journal.state).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/^EROFS/) });
      journal.put('after', 2);
      await flush(journal);
      expect(journal.state.kind).toBe('failed');
      execFileSync('mount', ['-o', 'remount,rw', dir]);
      await flush(journal);
      expect(journal.state.kind).toBe('ok');
      await expect(open(dir)).rejects.toThrow('another sonde');
      await journal[Symbol.asyncDispose]();
      expect(await found(dir)).toEqual({ before: 1, after: 2 });
    });
  },
);
