/** `sonde wait`: until instances have a health; for roll-outs and CI. */

import type { Command } from 'commander';
import type { Clock } from '../core/clock.ts';
import { HEALTHS } from '../core/health.ts';
import type { Selector } from '../core/intervention.ts';
import type { InstanceView } from '../core/view.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import { printable } from '../lib/text-width.ts';
import type { Client, Failed } from './client.ts';
import { addServerOptions, connectTo } from './connect.ts';
import type { Io } from './io.ts';
import { addressOf } from './listing.ts';
import { withProgress } from './progress.ts';
import { parseSelector, selects } from './selector.ts';
import type { ServerOptions } from './server.ts';
import { complain, giveUp } from './tell.ts';

interface WaitOptions extends ServerOptions {
  readonly for: string;
  readonly timeout: string;
  readonly min?: string;
}

/** Milliseconds between two looks. */
const PERIOD = 500;
/** Of those that are not there yet so many are named. */
const NAMED = 5;

export function addWait(program: Command, io: Io, clock: Clock): void {
  const command = program
    .command('wait')
    .description('Wait until instances have a health: exit 0, or 124 once the time is over')
    .argument(
      '<selector>',
      'SERVICE, NAMESPACE/SERVICE or REGISTRY/NAMESPACE/SERVICE (globs), host:port or id',
    )
    .requiredOption('--for <health=…>', `what to wait for, as in health=healthy; of ${HEALTHS.join(', ')}`)
    .option('--timeout <duration>', 'how long, as in 30s or 2m', '2m')
    .option('--min <number>', 'so many instances are enough (default: all, and at least one)');
  addServerOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((selector: string, options: WaitOptions) => wait(selector, options, { command, io, clock }));
}

const EXAMPLES = `
Examples:
  sonde wait --for health=healthy shop/web-cart --timeout 2m
  sonde wait --for health=healthy,sub-healthy --min 2 web-cart
  sonde wait --for health=dead 10.2.4.17:8080
`;

interface WaitDeps {
  readonly command: Command;
  readonly io: Io;
  readonly clock: Clock;
}

async function wait(text: string, options: WaitOptions, deps: WaitDeps): Promise<void> {
  const { command, io, clock } = deps;
  const selector = parseSelector(text) ?? command.error(`error: '${text}' selects nothing`);
  const healths = healthsOf(options.for, command);
  const timeout =
    parseDuration(options.timeout) ?? command.error(`error: --timeout ${options.timeout} is no duration`);
  const min = options.min === undefined ? undefined : countOf(options.min, command);
  await using client = await connectTo(options, command, io, clock);
  const progress: Progress = { text, wanted: healths.join(' or '), has: 0, of: 0, others: [] };
  const work = until(selector, healths, { min, end: clock.now() + timeout, client, progress, io, clock });
  const came = await withProgress(io, clock, () => `waiting: ${sentence(progress)}`, work);
  if (came === 'yes') io.out.write(`${printable(sentence(progress))}\n`);
  else if (came === 'late') {
    complain(io, `${sentence(progress)} after ${formatDuration(timeout)}`);
    for (const one of progress.others.slice(0, NAMED))
      io.err.write(printable(`  ${addressOf(one)} is ${one.health}: ${one.reason}`).concat('\n'));
    io.exit(124);
  } else giveUp(io, came);
}

interface Progress {
  readonly text: string;
  readonly wanted: string;
  has: number;
  of: number;
  others: readonly InstanceView[];
}

function sentence({ text, wanted, has, of }: Progress): string {
  return of === 0 ? `${text}: there is no such instance` : `${text}: ${has} of ${of} ${wanted}`;
}

interface UntilDeps {
  readonly min: number | undefined;
  /** `Clock.now()`. */
  readonly end: number;
  readonly client: Client;
  readonly progress: Progress;
  readonly io: Io;
  readonly clock: Clock;
}

/** A server that does not answer at first is an end; one that goes away later may come back in time. */
async function until(
  selector: Selector,
  healths: readonly string[],
  { min, end, client, progress, io, clock }: UntilDeps,
): Promise<'yes' | 'late' | Failed> {
  for (let first = true; ; first = false) {
    const listed = await client.list<InstanceView>('/v1/instances', filtersOf(selector), io.signal);
    if (listed.kind === 'failed' && first) return listed;
    if (listed.kind === 'ok') {
      const meant = listed.value.filter((instance) => selects(selector, instance));
      progress.others = meant.filter(({ health }) => !healths.includes(health));
      progress.of = meant.length;
      progress.has = meant.length - progress.others.length;
      if (progress.has >= Math.max(1, min ?? progress.of)) return 'yes';
    }
    if (clock.now() >= end) return 'late';
    await clock.sleep(Math.min(PERIOD, Math.max(1, end - clock.now())), io.signal);
  }
}

/** What of the selector the server can filter by: names without globs. */
function filtersOf(selector: Selector): Readonly<Record<string, string>> {
  const { registry, namespace, service } = selector;
  const names = Object.entries({ registry, namespace, service });
  return Object.fromEntries(
    names.flatMap(([key, name]) => (name === undefined || /[*?,]/.test(name) ? [] : [[key, name]])),
  );
}

function healthsOf(text: string, command: Command): readonly string[] {
  const [, list = ''] = /^health=(.+)$/.exec(text) ?? [];
  const healths = list.split(',');
  if (healths.every((health) => HEALTHS.some((known) => known === health))) return healths;
  return command.error(`error: --for ${text} is not health= and one of ${HEALTHS.join(', ')}`);
}

function countOf(text: string, command: Command): number {
  return /^[1-9][0-9]{0,6}$/.test(text)
    ? Number(text)
    : command.error(`error: --min ${text} is no number from 1`);
}
