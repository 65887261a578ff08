/** `sonde probe` and `sonde overwrite`: what an operator may ask for one instance. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import type { CheckView, InstanceView } from '../core/view.ts';
import { printable } from '../lib/text-width.ts';
import type { Client, Fetched } from './client.ts';
import { addChangeOptions, connectTo } from './connect.ts';
import { findInstance, instancePath } from './instance.ts';
import type { AddCommand, Io } from './io.ts';
import { addressOf, millis, text } from './listing.ts';
import { healthCell, lookOf } from './look.ts';
import { withProgress } from './progress.ts';
import type { ChangeOptions } from './server.ts';
import { type Column, renderTable } from './table.ts';
import { complain, giveUp, printDocument } from './tell.ts';
import { whoami } from './whoami.ts';

interface ProbeOptions extends ChangeOptions {
  readonly output: 'table' | 'json';
}

/** Milliseconds to wait for the outcomes, and between two looks whether they are there. */
const PATIENCE = 15_000;
const PERIOD = 100;

export function addProbe(program: Command, io: Io, clock: Clock): void {
  const command = program
    .command('probe')
    .description('Let sonde look at an instance now, and show what it found; exit 1 if a look did not pass')
    .argument('<instance>', 'id or host:port')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'),
    );
  addChangeOptions(command)
    .addHelpText('after', '\nExamples:\n  sonde probe 10.2.4.17:8080\n')
    .action((name: string, options: ProbeOptions) => probe(name, options, { command, io, clock }));
}

interface ProbeDeps {
  readonly command: Command;
  readonly io: Io;
  readonly clock: Clock;
}

async function probe(name: string, options: ProbeOptions, deps: ProbeDeps): Promise<void> {
  const { command, io } = deps;
  await using client = await connectTo(options, command, io, deps.clock);
  const before = await findInstance(name, client, io);
  if (before === undefined) return;
  const asked = await client.change('POST', instancePath(before.id, '/probe'), {}, io.signal);
  const looking = (): string => `looking at ${before.host}:${before.port}`;
  const seen =
    asked.kind === 'failed'
      ? asked
      : await withProgress(io, deps.clock, looking, outcomes(before, client, deps));
  if (seen.kind === 'failed') {
    giveUp(io, seen, seen.status === 404 ? 1 : 4);
    return;
  }
  const { checks } = seen.value;
  if (options.output === 'json') printDocument(io, 'json', seen.value);
  else io.out.write(renderTable(columns(lookOf(io).glyphs), checks, lookOf(io)));
  if (!looked(before, seen.value)) {
    complain(io, `not all looks came back within ${PATIENCE / 1_000} s`);
    io.exit(4);
  } else io.exit(checks.every(({ last }) => last?.outcome === 'pass') ? 0 : 1);
}

/** The instance once every check looked again, or as it is when patience ends. */
async function outcomes(
  before: InstanceView,
  client: Client,
  { io, clock }: ProbeDeps,
): Promise<Fetched<InstanceView>> {
  const end = clock.now() + PATIENCE;
  for (;;) {
    const now = await client.get<InstanceView>(instancePath(before.id), io.signal);
    if (now.kind === 'failed' || looked(before, now.value) || clock.now() >= end) return now;
    await clock.sleep(PERIOD, io.signal);
  }
}

function looked(before: InstanceView, now: InstanceView): boolean {
  return now.checks.every(({ name, last }) => {
    const earlier = before.checks.find((one) => one.name === name)?.last;
    return last !== null && last.at !== earlier?.at;
  });
}

const columns = (glyphs: boolean): readonly Column<CheckView>[] => [
  text('CHECK', ({ name }) => name),
  text('KIND', ({ kind }) => kind),
  text('OUTCOME', ({ last }) => last?.outcome ?? '-'),
  text('CAUSE', ({ last }) => last?.cause ?? '-'),
  text('TOOK', ({ last }) => millis(last?.duration ?? null)),
  { title: 'HEALTH', cell: ({ health }) => healthCell(health, [], glyphs), whole: true },
  text('DETAIL', ({ last }) => last?.detail ?? '-'),
];

export const addOverwrite: AddCommand = (program, io, clock) => {
  const command = program
    .command('overwrite')
    .description("Write over somebody else's value or mark that contests an instance")
    .argument('<instance>', 'id or host:port')
    .option('--by <name>', 'who says so (default: user@host)');
  addChangeOptions(command)
    .addHelpText('after', '\nExamples:\n  sonde overwrite 10.2.4.17:8080\n')
    .action(async (name: string, options: ChangeOptions & { readonly by?: string }) => {
      await using client = await connectTo(options, command, io, clock);
      const instance = await findInstance(name, client, io);
      if (instance === undefined) return;
      const path = instancePath(instance.id, '/overwrite');
      const done = await client.change('POST', path, { by: options.by ?? whoami() }, io.signal);
      if (done.kind === 'failed') giveUp(io, done, done.status === 404 ? 1 : 4);
      else
        io.out.write(`${printable(addressOf(instance))} will be written over; sonde get writes shows it.\n`);
    });
};
