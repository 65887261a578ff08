import { describe, expect, it } from 'vitest';
import { withProgress } from '../../src/cli/progress.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { FakeIo } from './fake-io.ts';

/** What is written while work takes so many milliseconds. */
async function written(io: FakeIo, ms: number): Promise<string> {
  const clock = new ManualClock();
  let done = 0;
  const work = clock.sleep(ms, io.signal).then(() => 'made');
  const result = withProgress(io, clock, () => `looked at ${++done} of 9 targets\u001b[2J`, work);
  await clock.advance(ms);
  expect(await result).toBe('made');
  expect(clock.pending).toBe(0);
  return io.err.text;
}

describe('progress', () => {
  it('is silent for a second', async () => {
    expect(await written(new FakeIo(true), 900)).toBe('');
    expect(await written(new FakeIo(), 9_000)).toBe('');
  });

  it('is one line on a terminal, which goes when the work is done', async () => {
    expect(await written(new FakeIo(true), 1_300)).toBe(
      '\rlooked at 1 of 9 targets\ufffd[2J\u001b[K\rlooked at 2 of 9 targets\ufffd[2J\u001b[K\r\u001b[K',
    );
  });

  it('is a plain line every ten seconds elsewhere', async () => {
    const lines = 'looked at 1 of 9 targets\ufffd[2J\nlooked at 2 of 9 targets\ufffd[2J\n';
    expect(await written(new FakeIo(), 25_000)).toBe(lines);
    const dumb = new FakeIo(true);
    dumb.env.TERM = 'dumb';
    expect(await written(dumb, 25_000)).toBe(lines);
  });

  it('ends with work that fails', async () => {
    const clock = new ManualClock();
    const work = withProgress(new FakeIo(true), clock, () => '', Promise.reject(new Error('broken')));
    await expect(work).rejects.toThrow('broken');
    expect(clock.pending).toBe(0);
  });
});
