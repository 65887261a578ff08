/** `sonde status`: how sonde and what it watches are, on one screen. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import type { Client, Failed } from './client.ts';
import { addServerOptions, connectTo } from './connect.ts';
import type { Io } from './io.ts';
import { lookOf } from './look.ts';
import { withProgress } from './progress.ts';
import type { ServerOptions } from './server.ts';
import { type Facts, gatherFacts, troublesOf, worstServices } from './status-facts.ts';
import { statusScreen } from './status-screen.ts';
import { complain, giveUp, printDocument } from './tell.ts';

interface StatusOptions extends ServerOptions {
  readonly wait?: true;
  readonly timeout: string;
  readonly output: 'text' | 'json';
}

/** Milliseconds between two looks. */
const PERIOD = 1_000;
/** Services and interventions that a screen holds. */
const MOST = 5;

export function addStatus(program: Command, io: Io, clock: Clock): void {
  const command = program
    .command('status')
    .description('Show on one screen how sonde and what it watches are; exit 1 if something is not well')
    .option('--wait', 'wait until all is well, or the time is over (124)')
    .option('--timeout <duration>', 'how long to wait', '5m')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  addServerOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: StatusOptions) => status(options, command, io, clock));
}

const EXAMPLES = `
Examples:
  sonde status
  sonde status --wait --timeout 1m
  sonde status -o json
`;

async function status(options: StatusOptions, command: Command, io: Io, clock: Clock): Promise<void> {
  const timeout =
    parseDuration(options.timeout) ?? command.error(`error: --timeout ${options.timeout} is no duration`);
  await using client = await connectTo(options, command, io, clock);
  const patience = options.wait === true ? timeout : 0;
  let waitsFor = client.name;
  const work = gatherUntilWell(client, patience, {
    io,
    clock,
    tell: (what) => {
      waitsFor = what;
    },
  });
  const { gathered, late } = await withProgress(io, clock, () => `waiting: ${waitsFor}`, work);
  if (gathered.kind === 'failed') giveUp(io, gathered, late ? 124 : 4);
  else {
    const { facts } = gathered;
    const troubles = troublesOf(facts);
    if (options.output === 'json') printDocument(io, 'json', documentOf(facts, troubles));
    else
      io.out.write(
        statusScreen(
          client.name,
          { ...facts, services: worstServices(facts.services, MOST) },
          troubles,
          lookOf(io),
          clock.wall(),
        ),
      );
    if (troubles.length > 0) io.exit(late ? 124 : 1);
  }
  if (late) complain(io, `not well after ${formatDuration(timeout)}`);
}

interface GatherDeps {
  readonly io: Io;
  readonly clock: Clock;
  /** What is waited for now. */
  readonly tell: (what: string) => void;
}

/** The last facts, once all is well or patience (milliseconds) ended; a server that does not answer may still come. */
async function gatherUntilWell(
  client: Client,
  patience: number,
  { io, clock, tell }: GatherDeps,
): Promise<{
  readonly gathered: { readonly kind: 'facts'; readonly facts: Facts } | Failed;
  readonly late: boolean;
}> {
  const end = clock.now() + patience;
  for (;;) {
    const gathered = await gatherFacts(client, io.signal);
    const troubles = gathered.kind === 'failed' ? [gathered.sentence] : troublesOf(gathered.facts);
    const [first] = troubles;
    if (first === undefined || patience === 0) return { gathered, late: false };
    if (clock.now() >= end) return { gathered, late: true };
    tell(first);
    await clock.sleep(Math.min(PERIOD, Math.max(1, end - clock.now())), io.signal);
  }
}

function documentOf(facts: Facts, troubles: readonly string[]): object {
  const { summary, configuration, services, interventions } = facts;
  return {
    well: troubles.length === 0,
    troubles,
    summary,
    configuration,
    worst: worstServices(services, MOST),
    interventions,
  };
}
