/** `sonde guard`: what an operator may say to the guard of a whole registry. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import type { Intervention } from '../core/intervention.ts';
import { parseDuration } from '../lib/duration.ts';
import { printable } from '../lib/text-width.ts';
import { addChangeOptions, connectTo } from './connect.ts';
import type { AddCommand, Io } from './io.ts';
import type { ChangeOptions } from './server.ts';
import { giveUp, printDocument } from './tell.ts';
import { whoami } from './whoami.ts';

interface GuardOptions extends ChangeOptions {
  readonly reason: string;
  readonly for?: string;
  readonly by?: string;
  readonly output: 'text' | 'json';
}

export const addGuard: AddCommand = (program, io, clock) => {
  const guard = program
    .command('guard')
    .description('Hold back what would be written of a registry, or let through what is held back')
    .addHelpText('after', EXAMPLES);
  const hold = common(guard.command('hold'))
    .description('Write nothing worse of any instance of the registry; recoveries are written')
    .option('--for <duration>', 'how long, as in 30m or 2h (default: until sonde guard release)');
  hold.action((registry: string, options: GuardOptions) => holdAll(registry, options, hold, io, clock));
  const release = common(guard.command('release')).description(
    'Let through what the brake of the registry holds back now, and lift the holds laid upon all of it',
  );
  release.action((registry: string, options: GuardOptions) =>
    letThrough(registry, options, release, io, clock),
  );
};

const EXAMPLES = `
Examples:
  sonde guard hold prod --reason 'the network is being moved' --for 2h
  sonde guard release prod --reason 'the data centre is really gone'
`;

function common(command: Command): Command {
  command
    .argument('<registry>', 'name of the registry')
    .requiredOption('--reason <text>', 'why, for the events')
    .option('--by <name>', 'who says so (default: user@host)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  return addChangeOptions(command);
}

async function holdAll(
  registry: string,
  options: GuardOptions,
  command: Command,
  io: Io,
  clock: Clock,
): Promise<void> {
  const { reason, for: lasts, by = whoami(), output } = options;
  if (lasts !== undefined && !(Number(parseDuration(lasts)) > 0))
    command.error(`error: --for ${lasts} is no duration; write it as in 30m or 2h`);
  const order = {
    kind: 'hold',
    selector: { registry },
    reason,
    by,
    ...(lasts === undefined ? {} : { for: lasts }),
  };
  await using client = await connectTo(options, command, io, clock);
  const laid = await client.change<Intervention>('POST', '/v1/interventions', order, io.signal);
  if (laid.kind === 'failed') {
    giveUp(io, laid);
    return;
  }
  const { id, instances, until } = laid.value;
  if (output === 'json') printDocument(io, 'json', laid.value);
  else {
    const end = until === null ? 'until it is lifted' : `until ${until.slice(11, 19)} UTC`;
    io.out.write(
      `Held registry ${printable(registry)}: ${instances} instances, ${end}.\nsonde resume ${id} lifts it.\n`,
    );
  }
}

async function letThrough(
  registry: string,
  options: GuardOptions,
  command: Command,
  io: Io,
  clock: Clock,
): Promise<void> {
  const { reason, by = whoami(), output } = options;
  await using client = await connectTo(options, command, io, clock);
  const path = `/v1/registries/${encodeURIComponent(registry)}/release-guard`;
  const done = await client.change<object>('POST', path, { reason, by }, io.signal);
  if (done.kind === 'failed') giveUp(io, done, done.status === 404 ? 1 : 4);
  else if (output === 'json') printDocument(io, 'json', done.value);
  else io.out.write(`The guard of registry ${printable(registry)} lets through what it held back.\n`);
}
