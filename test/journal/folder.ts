/** A journal in a folder of a test: opened, given values, flushed and closed without waiting for time. */

import { type Journal, type JournalDeps, openJournal } from '../../src/journal/journal.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';

export type Values = Readonly<Record<string, unknown>>;

export function open(dir: string, deps: Partial<JournalDeps> = {}): Promise<Journal> {
  return openJournal({ dir, clock: new ManualClock(), log: new QuietLog(), ...deps });
}

/** Writes what was put: a run that is aborted at once. */
export function flush(journal: Journal): Promise<void> {
  return journal.run(AbortSignal.abort(new Error('the test has put enough')));
}

/** What the next process finds. */
export async function found(dir: string): Promise<Values> {
  await using journal = await open(dir);
  return Object.fromEntries(journal.found);
}
