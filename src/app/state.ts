/** What survives the process: the journal under `state.dir`, or nothing where there is none. */

import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { ConfigurationView } from '../core/explain-view.ts';
import type { Log } from '../core/log.ts';
import { FORGETFUL, type Memory } from '../core/memory.ts';
import { type Journal, type JournalState, openJournal } from '../journal/journal.ts';
import { isoTime } from '../lib/iso-time.ts';

export { JournalInUseError } from '../journal/lock.ts';

export interface State extends AsyncDisposable {
  readonly memory: Memory;
  /** Undefined where nothing is kept on disk. */
  readonly journal: JournalState | undefined;
  /** Writes until aborted, and then what was remembered last. `listed`: every registry has told what it knows. */
  run(listed: () => boolean, signal: AbortSignal): Promise<void>;
}

/** What nobody claimed so long after the start belongs to instances that are gone, milliseconds. */
const CLAIMED_WITHIN = 10 * 60_000;

/** Throws `JournalInUseError` where another process has the folder. */
export async function openState(
  { stateDir, stateMaxSize: maxSize }: Pick<Config, 'stateDir' | 'stateMaxSize'>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<State> {
  if (stateDir === undefined) return NO_STATE;
  const dir = join(stateDir, 'journal');
  const journal = await openJournal({ dir, clock, log, ...(maxSize === undefined ? {} : { maxSize }) });
  if (journal.problem !== undefined) log.error('A part of the state was lost', { problem: journal.problem });
  return {
    memory: {
      recall: (key) => journal.found.get(key),
      remember: (key, value) => journal.put(key, value),
    },
    get journal() {
      return journal.state;
    },
    async run(listed, signal) {
      const clearing = clear(journal, listed, clock, signal);
      await journal.run(signal);
      await clearing;
    },
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
}

/** Events and interventions are read at the start: they are never unclaimed. A registry that is down claims later. */
async function clear(
  journal: Journal,
  listed: () => boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  try {
    do await clock.sleep(CLAIMED_WITHIN, signal);
    while (!listed());
  } catch {
    return;
  }
  for (const key of [...journal.found.keys()])
    if (key.startsWith('target/') || key.startsWith('instance/')) journal.put(key, undefined);
}

/** As `/v1/configuration` tells it. */
export function stateView({ journal }: State): ConfigurationView['state'] {
  if (journal === undefined) return null;
  if (journal.kind === 'ok') return { kept: true, problem: null, since: null };
  return { kept: false, problem: journal.reason, since: isoTime(journal.since) };
}

/** Nothing survives. */
export const NO_STATE: State = {
  memory: FORGETFUL,
  journal: undefined,
  run: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
