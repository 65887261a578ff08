import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { open } from './folder.ts';
import { KEYS, keyOf, type Numbered, numbered, PUTS_A_ROUND } from './rounds.ts';

const KILLS = 40;

function startWriter(dir: string, round = 0): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), dir, String(round)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
}

async function isOpen(child: ChildProcess): Promise<void> {
  await once(child.stdout as NodeJS.EventEmitter, 'data');
}

describe('a journal whose process is killed', () => {
  it(`has lost nothing that was written, ${KILLS} times over`, { timeout: 120_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    let round = 0;
    let rounds = 0;
    for (let n = 0; n < KILLS; n++) {
      const first = round;
      const child = startWriter(dir, round);
      let written = round - 1;
      if (child.stdout === null) throw new Error('no pipe');
      const lines = createInterface(child.stdout);
      lines.on('line', (line) => {
        if (line !== 'open') written = Number(line);
      });
      await once(lines, 'line');
      await sleep(Math.random() * 120);
      await kill(child);
      await using journal = await open(dir);
      expect(journal.problem).toBeUndefined();
      const values = [...journal.found].flatMap(([key, value]) =>
        key.startsWith('key/') ? [value as Numbered] : [],
      );
      for (const value of values) expect(value).toEqual(numbered(value.put));
      const newest = new Map(values.map(({ put }) => [keyOf(put), put]));
      // Of every key nothing older than what the last round that was written made of it.
      const puts = (written + 1) * PUTS_A_ROUND;
      for (let put = Math.max(0, puts - KEYS); put < puts; put++)
        expect(newest.get(keyOf(put))).toBeGreaterThanOrEqual(put);
      rounds += written + 1 - first;
      round = written + 1;
    }
    expect(rounds).toBeGreaterThan(KILLS);
  });
});

describe('the folder of a journal', () => {
  it('is for one process; when that was killed another may have it', { timeout: 60_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const child = startWriter(dir);
    scope.defer(() => kill(child));
    await isOpen(child);
    await expect(open(dir)).rejects.toThrow(`state folder ${dir}: another sonde is using it`);
    const second = startWriter(dir);
    const [code] = await once(second, 'close');
    expect(code).toBe(3);
    await kill(child);
    const journal = await open(dir);
    await expect(open(dir)).rejects.toThrow('another sonde');
    await expect(open(dir)).rejects.toThrow('another sonde');
    const third = startWriter(dir);
    expect(await once(third, 'close')).toEqual([3, null]);
    await journal[Symbol.asyncDispose]();
    await using again = await open(dir);
    expect(again.state).toEqual({ kind: 'ok' });
  });
});
