/** A process that keeps a journal until it is killed: says `open`, then the number of each round that it has written. */

import { writeSync } from 'node:fs';
import { argv, stderr } from 'node:process';
import { JournalInUseError } from '../../src/journal/lock.ts';
import { flush, open } from './folder.ts';
import { KEYS, keyOf, numbered, PUTS_A_ROUND } from './rounds.ts';

const [, , dir = '', from = '0'] = argv;

try {
  const journal = await open(dir);
  writeSync(1, 'open\n');
  for (let round = Number(from); ; round++) {
    for (let n = 0; n < PUTS_A_ROUND; n++) {
      const put = round * PUTS_A_ROUND + n;
      journal.put(keyOf(put), numbered(put));
    }
    // Each round one is forgotten, and put again much later.
    journal.put(`forgotten/${round % KEYS}`, round % 2 === 0 ? undefined : round);
    await flush(journal);
    writeSync(1, `${round}\n`);
  }
} catch (error) {
  if (!(error instanceof JournalInUseError)) throw error;
  stderr.write(`${error.message}\n`);
  process.exitCode = 3;
}
