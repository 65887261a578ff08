/** `sonde ping`: whether a sonde is alive; for container health checks and scripts. */

import type { Command } from 'commander';
import type { Clock } from '../core/clock.ts';
import { addServerOptions, connectTo } from './connect.ts';
import type { AddCommand, Io } from './io.ts';
import type { ServerOptions } from './server.ts';
import { giveUp } from './tell.ts';

/** Milliseconds. */
const PATIENCE = 2_000;

interface PingOptions extends ServerOptions {
  readonly ready?: true;
}

export const addPing: AddCommand = (program, io, clock) => {
  const command = program
    .command('ping')
    .description('Ask whether a sonde is alive: exit 0 if so, 1 if not, 4 if nobody answers')
    .option('--ready', 'ask whether it is ready: every registry was listed once');
  addServerOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: PingOptions) => ping(options, command, io, clock));
};

const EXAMPLES = `
Examples:
  sonde ping
  sonde ping --ready --server unix:/run/sonde/sonde.sock
`;

async function ping(options: PingOptions, command: Command, io: Io, clock: Clock): Promise<void> {
  await using client = await connectTo(options, command, io, clock);
  const path = options.ready === true ? '/readyz' : '/livez';
  const answer = await client.ask(path, { patience: PATIENCE }, io.signal);
  if (answer.kind === 'failed') {
    giveUp(io, answer);
    return;
  }
  io.out.write(`${answer.text.trim()}\n`);
  io.exit(answer.status === 200 ? 0 : 1);
}
