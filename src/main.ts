/** Arguments in, exit code out. */

import { CommanderError } from 'commander';
import type { ExitCode, Io, Stream } from './cli/io.ts';
import { createProgram } from './cli/program.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
/** EX_SOFTWARE of sysexits.h: a bug of ours. */
const BUG = 70;

const ending = new AbortController();
let signalled: number | undefined;
for (const [signal, code] of Object.entries(SIGNALS)) {
  process.on(signal, () => {
    if (signalled !== undefined) process.exit(code);
    signalled = code;
    ending.abort(new DOMException(`received ${signal}`, 'AbortError'));
  });
}

// Whoever reads our output may leave at any time (`sonde get … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const io: Io = {
  out: stream(process.stdout),
  err: stream(process.stderr),
  env: process.env,
  signal: ending.signal,
  onHangup: (listener) => {
    process.on('SIGHUP', listener);
    return { [Symbol.dispose]: () => void process.off('SIGHUP', listener) };
  },
  exit: (code: ExitCode) => {
    process.exitCode = code;
  },
};

try {
  await createProgram(io).parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (ending.signal.aborted && error === ending.signal.reason) process.exitCode = signalled ?? 0;
  else {
    process.stderr.write(`sonde: this is a bug, please report it: ${describe(error)}\n`);
    process.exitCode = BUG;
  }
}

function stream(to: NodeJS.WriteStream): Stream {
  return {
    write: (text) => {
      to.write(text);
    },
    isTTY: to.isTTY,
    get columns() {
      return to.isTTY ? to.columns : 80;
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
