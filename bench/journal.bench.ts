/**
 * What the journal costs: 10,000 targets of which 2,000 a second change their state of about 300 bytes, for 20 seconds.
 * The longest delay of the loop is that of the machine too: compare it with the run without.
 * `node bench/journal.bench.ts`; about half a minute. Writes to a folder of its own under the system's temporary one.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/app/system-clock.ts';
import type { Log } from '../src/core/log.ts';
import { openJournal } from '../src/journal/journal.ts';

const TARGETS = 10_000;
const CHANGES_PER_SECOND = 2_000;
const SECONDS = 20;
const TICK = 10;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const say = (message: string, fields?: object): void => print(`${message} ${JSON.stringify(fields)}`);
const log: Log = { debug: say, info: say, warn: say, error: say };

const idle = await measure(() => undefined);
const dir = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
try {
  await using journal = await openJournal({ dir, clock: systemClock, log });
  for (let n = 0; n < TARGETS; n++) journal.put(`target/${n}`, state(n));
  const stop = new AbortController();
  const running = journal.run(stop.signal);
  await sleep(2_000);
  const busy = await measure((n, value) => journal.put(`target/${n % TARGETS}`, value));
  stop.abort();
  await running;
  const changes = CHANGES_PER_SECOND * SECONDS;
  print(`without: ${percent(idle.core)} of a core, the loop late by ${idle.late}`);
  print(`with:    ${percent(busy.core)} of a core, the loop late by ${busy.late}`);
  print(`journal: ${percent(busy.core - idle.core)} of a core for ${changes} changes in ${SECONDS} s`);
  print(
    `file: ${Math.round(statSync(join(dir, 'journal')).size / 1_024)} KiB; ${JSON.stringify(journal.state)}`,
  );
} finally {
  rmSync(dir, { recursive: true });
}

/** What making the states costs is in it. */
async function measure(
  put: (n: number, value: unknown) => void,
): Promise<{ readonly core: number; readonly late: string }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const began = performance.now();
  let made = 0;
  for (;;) {
    const seconds = (performance.now() - began) / 1_000;
    if (seconds >= SECONDS) break;
    for (; made < seconds * CHANGES_PER_SECOND; made++) put(made, state(made));
    await sleep(TICK);
  }
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  const ms = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(1)} ms`;
  return {
    core: (user + system) / 1e6 / ((performance.now() - began) / 1_000),
    late: `${ms(delay.percentile(99.9))} (99.9 %), at most ${ms(delay.max)}`,
  };
}

function state(n: number) {
  const samples = Array.from({ length: 16 }, (_, index) => (1_795_000_000_000 + n * 1_000 + index) * 4);
  const window = { samples, passed: n % 17, reached: 16, slow: 0, began: 1_795_000_000_000 };
  return { version: 1, health: 'healthy', reason: 'passing', window, last: 0, inRow: n % 9 };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
