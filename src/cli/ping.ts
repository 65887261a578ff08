/** `sonde ping`: whether a sonde is alive; for container health checks and scripts. */

import { request } from 'undici';
import { systemClock } from '../app/system-clock.ts';
import { DEFAULT_SERVER, parseServer } from './client.ts';
import type { AddCommand, Io } from './io.ts';

/** Milliseconds. */
const PATIENCE = 2_000;

interface PingOptions {
  readonly server?: string;
  readonly ready?: true;
}

export const addPing: AddCommand = (program, io) => {
  const command = program
    .command('ping')
    .description('Ask whether a sonde is alive: exit 0 if so, 1 if not, 4 if nobody answers')
    .option('--ready', 'ask whether it is ready: every registry was listed once')
    .option('--server <url>', `where sonde runs (SONDE_SERVER, else ${DEFAULT_SERVER})`)
    .action(async ({ server, ready }: PingOptions) => {
      const asked = server ?? (io.env.SONDE_SERVER || DEFAULT_SERVER);
      const url = parseServer(asked);
      if (url === undefined)
        return command.error(`error: '${asked}' is no http:// or https:// URL of a server`);
      await ping(new URL(ready === true ? '/readyz' : '/livez', url), io);
    });
};

async function ping(url: URL, io: Io): Promise<void> {
  using deadline = systemClock.deadline(PATIENCE, io.signal);
  try {
    const { statusCode, body } = await request(url, { signal: deadline.signal });
    io.out.write(`${(await body.text()).trim()}\n`);
    io.exit(statusCode === 200 ? 0 : 1);
  } catch (error) {
    io.signal.throwIfAborted();
    io.err.write(
      `sonde: ${url.origin} does not answer: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    io.exit(4);
  }
}
