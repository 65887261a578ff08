import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { readFrames } from '../../src/journal/frames.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';
import { tempDir } from '../support/temp-dir.ts';
import { flush, found, open, type Values } from './folder.ts';

const MIB = 1024 * 1024;

function sizeOf(dir: string): number {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

describe('a journal', () => {
  it('finds the last values that were put, and nothing that was forgotten', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = join(tempDir(scope), 'not', 'there', 'yet');
    {
      await using journal = await open(dir);
      expect(journal.found.size).toBe(0);
      journal.put('a', { n: 1 });
      journal.put('b', [1, null, 'ü']);
      journal.put('c', 'gone');
      await flush(journal);
      journal.put('a', { n: 2 });
      journal.put('c', undefined);
      journal.put('never', undefined);
      await flush(journal);
    }
    expect(await found(dir)).toEqual({ a: { n: 2 }, b: [1, null, 'ü'] });
    expect(await found(dir)).toEqual({ a: { n: 2 }, b: [1, null, 'ü'] });
  });

  it('writes each second what was put, once for many puts', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const clock = new ManualClock();
    const journal = scope.use(await open(dir, { clock }));
    const stop = new AbortController();
    const running = journal.run(stop.signal);
    const texts = (): readonly string[] => readFrames(readFileSync(join(dir, 'journal'))).texts;
    for (let n = 0; n < 1_000; n++) journal.put('key', n);
    await clock.advance(999);
    expect(texts()).toEqual(['[]']);
    await clock.advance(1);
    await vi.waitFor(() => expect(texts()).toEqual(['[]', '["key",999]']));
    journal.put('key', 999);
    journal.put('other', true);
    stop.abort();
    await running;
    expect(texts()).toEqual(['[]', '["key",999]', '["other",true]']);
    expect(clock.pending).toBe(0);
  });

  it('no longer says that it found what was put or forgotten since', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    {
      await using journal = await open(dir);
      for (const key of ['a', 'b', 'c']) journal.put(key, key);
      await flush(journal);
    }
    const journal = scope.use(await open(dir));
    journal.put('a', 'new');
    journal.put('b', undefined);
    expect([...journal.found]).toEqual([['c', 'c']]);
  });

  it('keeps its files to the owner', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = join(tempDir(scope), 'state');
    const journal = scope.use(await open(dir));
    journal.put('a', 1);
    await flush(journal);
    expect(readdirSync(dir).sort()).toEqual(['journal', 'journal.lock']);
    for (const name of readdirSync(dir))
      expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  it('forgets what JSON cannot say or is far too large, says so once, and keeps the rest', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const log = new QuietLog();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    {
      await using journal = await open(dir, { log });
      journal.put('good', 1);
      journal.put('cycle', 'first it could be kept');
      await flush(journal);
      journal.put('cycle', cycle);
      journal.put('large', 'x'.repeat(2 * MIB));
      journal.put('number', 1n);
      await flush(journal);
    }
    expect(await found(dir)).toEqual({ good: 1 });
    expect(log.lines.map(({ message }) => message)).toEqual([
      'A state cannot be kept: it is no JSON, or more than 1 MiB of it',
    ]);
  });

  it('stays within twice what is current and a constant under a million puts', {
    timeout: 120_000,
  }, async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const journal = scope.use(await open(dir));
    const padding = 'x'.repeat(300);
    let largest = 0;
    let last: Values = {};
    for (let n = 0; n < 1_000_000; n++) {
      journal.put(`target/${n % 5_000}`, { n, padding });
      if (n % 20_000 !== 19_999) continue;
      await flush(journal);
      largest = Math.max(largest, sizeOf(dir));
      last = { [`target/${n % 5_000}`]: { n, padding } };
    }
    const current = 5_000 * 350;
    expect(largest).toBeLessThan(2 * current + 5 * MIB);
    expect(journal.state).toEqual({ kind: 'ok' });
    await journal[Symbol.asyncDispose]();
    const values = await found(dir);
    expect(Object.keys(values)).toHaveLength(5_000);
    expect(values).toMatchObject(last);
  });

  it('never grows beyond its largest size: it stops, says so, and goes on when there is less to keep', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const log = new QuietLog();
    const clock = new ManualClock();
    const maxSize = 100_000;
    const journal = scope.use(await open(dir, { maxSize, log, clock }));
    for (let n = 0; n < 300; n++) {
      journal.put(`key/${n % 20}`, 'x'.repeat(1_000));
      if (n % 7 === 0) await flush(journal);
      expect(sizeOf(dir)).toBeLessThan(maxSize);
    }
    expect(journal.state.kind).toBe('ok');
    for (let n = 0; n < 100; n++) {
      journal.put(`more/${n}`, 'y'.repeat(1_000));
      await flush(journal);
      expect(sizeOf(dir)).toBeLessThan(maxSize);
    }
    expect(journal.state).toEqual({
      kind: 'failed',
      reason: 'ETOOLARGE: more than its largest size, 100000 bytes, has room for',
      since: clock.now(),
    });
    expect(log.lines.map(({ level }) => level)).toEqual(['error']);
    for (let n = 0; n < 90; n++) journal.put(`more/${n}`, undefined);
    await flush(journal);
    expect(journal.state.kind).toBe('ok');
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'info']);
    await journal[Symbol.asyncDispose]();
    expect(Object.keys(await found(dir))).toHaveLength(30);
  });

  it('goes on where its folder cannot be made, and tells', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    writeFileSync(join(dir, 'file'), '');
    const log = new QuietLog();
    const journal = scope.use(await open(join(dir, 'file', 'state'), { log }));
    journal.put('a', 1);
    await flush(journal);
    await flush(journal);
    expect(journal.found.size).toBe(0);
    expect(journal.state).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/^ENOTDIR/) });
    expect(log.lines).toHaveLength(1);
  });
});

describe('the file of a journal', () => {
  /** What a process of some history leaves: the file, and what is true after each of its records. */
  async function history(
    dir: string,
  ): Promise<{ readonly file: Buffer; readonly states: readonly Values[] }> {
    {
      await using journal = await open(dir);
      journal.put('a', 1);
      journal.put('b', 'two');
      await flush(journal);
    }
    await using journal = await open(dir);
    journal.put('c', { three: 3 });
    journal.put('a', undefined);
    await flush(journal);
    journal.put('b', 'more');
    journal.put('d', []);
    await flush(journal);
    const a = { a: 1 };
    const states = [
      {},
      a,
      { ...a, b: 'two' },
      { ...a, b: 'two' },
      { ...a, b: 'two', c: { three: 3 } },
      { b: 'two', c: { three: 3 } },
      { b: 'more', c: { three: 3 } },
      { b: 'more', c: { three: 3 }, d: [] },
    ];
    return { file: readFileSync(join(dir, 'journal')), states };
  }

  /** Records of the snapshot, with its end. */
  const SNAPSHOT = 3;

  it('cut at any byte opens with what was true after the last whole record', {
    timeout: 60_000,
  }, async () => {
    await using scope = new AsyncDisposableStack();
    const { file, states } = await history(tempDir(scope));
    for (let cut = 0; cut <= file.length; cut++) {
      await using here = new AsyncDisposableStack();
      const dir = tempDir(here);
      writeFileSync(join(dir, 'journal'), file.subarray(0, cut));
      const journal = here.use(await open(dir));
      const records = readFrames(file.subarray(0, cut)).texts.length;
      expect(Object.fromEntries(journal.found)).toEqual(states[records]);
      // A process that is killed leaves no part of a snapshot; of all that follows it may leave any part.
      expect([cut, journal.problem === undefined]).toEqual([cut, records >= SNAPSHOT]);
      expect(journal.state).toEqual({ kind: 'ok' });
    }
  });

  it('with any byte wrong is put aside, and what stood before is used', { timeout: 60_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const { file, states } = await history(tempDir(scope));
    for (let at = 0; at < file.length; at++) {
      await using here = new AsyncDisposableStack();
      const dir = tempDir(here);
      const wrong = Buffer.from(file);
      wrong[at] = (wrong[at] ?? 0) ^ 0x41;
      writeFileSync(join(dir, 'journal'), wrong);
      const log = new QuietLog();
      const before = await open(dir, { log });
      expect(Object.fromEntries(before.found)).toEqual(states[readFrames(wrong).texts.length]);
      expect(before.problem).toMatch(/put aside as .*journal\.corrupt-2026-01-01T00-00-00\.000Z$/);
      expect(log.lines.map(({ level }) => level)).toEqual(['error']);
      await before[Symbol.asyncDispose]();
      expect(readFileSync(join(dir, 'journal.corrupt-2026-01-01T00-00-00.000Z'))).toEqual(wrong);
      const after = here.use(await open(dir));
      expect(after.problem).toBeUndefined();
      expect(after.found).toEqual(before.found);
    }
  });

  it('is put aside no more than three times', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    for (let n = 0; n < 5; n++) {
      writeFileSync(join(dir, 'journal'), `damage ${n}`);
      await using journal = await open(dir, { clock: new ManualClock(Date.UTC(2026, 0, 1 + n)) });
      expect(journal.problem).toBeDefined();
    }
    const aside = readdirSync(dir).filter((name) => name.includes('corrupt'));
    expect(aside.map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual([
      'damage 2',
      'damage 3',
      'damage 4',
    ]);
  });

  it('that cannot be read is put aside and not lost', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    mkdirSync(join(dir, 'journal'));
    const journal = scope.use(await open(dir));
    expect(journal.problem).toMatch(/it cannot be read \(EISDIR\)/);
    expect(journal.state.kind).toBe('failed');
    expect(statSync(join(dir, 'journal')).isDirectory()).toBe(true);
  });

  it('of which a new generation was begun and not finished is the one before', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const { states } = await history(dir);
    copyFileSync(join(dir, 'journal'), join(dir, 'journal.new'));
    writeFileSync(join(dir, 'journal.new'), 'half a', { flag: 'r+' });
    expect(await found(dir)).toEqual(states.at(-1));
    expect(readdirSync(dir).sort()).toEqual(['journal', 'journal.lock']);
  });
});

describe('while a journal is written', () => {
  it('others have their turn', async () => {
    await using scope = new AsyncDisposableStack();
    const journal = scope.use(await open(tempDir(scope)));
    for (let n = 0; n < 20_000; n++) journal.put(`target/${n}`, { n, padding: 'x'.repeat(250) });
    let turns = 0;
    const written = new AbortController();
    const others = (async () => {
      while (!written.signal.aborted) {
        turns++;
        await nextTurn();
      }
    })();
    await flush(journal);
    written.abort();
    await others;
    expect(turns).toBeGreaterThan(100);
  });
});
