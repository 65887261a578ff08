/** Says what is going on when something takes longer than a second. */

import type { Clock } from '../core/clock.ts';
import { fitWidth, printable } from '../lib/text-width.ts';
import type { Io } from './io.ts';

/** Milliseconds before the first word, between two drawings of the line, and between two lines where there is no terminal. */
const SILENT = 1_000;
const REDRAW = 250;
const LINES = 10_000;

/** One line on a terminal that is gone once the work is done, else a plain line every ten seconds; on stderr. */
export async function withProgress<T>(
  io: Io,
  clock: Clock,
  describe: () => string,
  work: Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const live = io.err.isTTY && io.env.TERM !== 'dumb';
  const line = { drawn: false };
  const draw = async (): Promise<never> => {
    await clock.sleep(live ? SILENT : LINES, done.signal);
    for (;;) {
      const said = printable(describe());
      io.err.write(live ? `\r${fitWidth(said, io.err.columns - 1)}\x1b[K` : `${said}\n`);
      line.drawn = true;
      await clock.sleep(live ? REDRAW : LINES, done.signal);
    }
  };
  const drawing = draw().catch((error: unknown) => {
    if (!done.signal.aborted) throw error;
  });
  try {
    return await work;
  } finally {
    done.abort();
    await drawing;
    if (line.drawn && live) io.err.write('\r\x1b[K');
  }
}
