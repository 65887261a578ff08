/** `sonde get`: lists of a running sonde, once or followed. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import { EVENT_KINDS } from '../core/event.ts';
import { HEALTHS } from '../core/health.ts';
import { nearest } from '../lib/edit-distance.ts';
import type { Client, Fetched } from './client.ts';
import { addServerOptions, connectTo } from './connect.ts';
import { follow } from './follow.ts';
import type { Io } from './io.ts';
import { type Listing, sorted } from './listing.ts';
import { EVENTS, INSTANCES, INTERVENTIONS, SERVICES, WRITES } from './listings.ts';
import { lookFor } from './look.ts';
import { withProgress } from './progress.ts';
import type { ServerOptions } from './server.ts';
import { layOut, renderRows, renderTable } from './table.ts';
import { giveUp, printDocument } from './tell.ts';

const OUTPUTS = ['table', 'wide', 'json', 'jsonl', 'yaml'] as const;
type Output = (typeof OUTPUTS)[number];

interface GetOptions extends ServerOptions {
  readonly output: Output;
  readonly watch?: true;
  readonly headers: boolean;
  readonly sortBy?: string;
  readonly registry?: string;
  readonly namespace?: string;
  readonly service?: string;
  readonly health?: string;
  readonly query?: string;
  readonly disagree?: true;
  readonly kind?: string;
}

export function addGet(program: Command, io: Io, clock: Clock): void {
  const get = program
    .command('get')
    .description('List what a running sonde knows')
    .addHelpText('after', EXAMPLES);
  addListing(get, INSTANCES, io, clock);
  addListing(get, SERVICES, io, clock);
  addListing(get, EVENTS, io, clock);
  addListing(get, WRITES, io, clock);
  addListing(get, INTERVENTIONS, io, clock);
}

const EXAMPLES = `
Examples:
  sonde get instances --health dead,sub-healthy --sort-by since
  sonde get instances -n prod -q 10.2.4. -o wide
  sonde get instances --disagree
  sonde get instances -w -o jsonl
  sonde get services --sort-by dead
  sonde get events --kind operator,configuration
`;

function addListing<R extends object>(get: Command, listing: Listing<R>, io: Io, clock: Clock): void {
  const command = get
    .command(listing.name)
    .description(`List ${listing.summary}`)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(OUTPUTS).default('table'))
    .option('-w, --watch', 'go on printing what changes, until interrupted')
    .addOption(listOption('--sort-by <field>', 'sort by this', Object.keys(listing.sorts)))
    .option('--no-headers', 'print no titles above the columns');
  if (listing.paged)
    command
      .option('--registry <names>', 'only of these registries, separated by commas')
      .option('-n, --namespace <names>', 'only of these namespaces')
      .option('--service <names>', 'only of these services')
      .addOption(listOption('--health <healths>', 'only of these healths', HEALTHS))
      .option('-q, --query <text>', 'only where this is part of a name, address or id');
  if (listing.filters.includes('disagree'))
    command.option('--disagree', 'only where the registry says something else than sonde');
  if (listing.filters.includes('kind'))
    command.addOption(listOption('--kind <kinds>', 'only of these kinds', EVENT_KINDS));
  addServerOptions(command).action(async (options: GetOptions) => {
    const sortBy = checked(options, listing, command);
    await using client = await connectTo(options, command, io, clock);
    const fetch = async (): Promise<Fetched<readonly R[]>> => {
      const fetched = await fetchRows(listing, options, client, io.signal);
      if (fetched.kind === 'failed') return fetched;
      const rows = listing.newestLast ? fetched.value.toReversed() : fetched.value;
      return { kind: 'ok', value: sortBy === undefined ? rows : sorted(rows, sortBy) };
    };
    const watched = options.watch === true;
    const first = await (watched
      ? fetch()
      : withProgress(io, clock, () => `listing ${listing.name}`, fetch()));
    if (first.kind === 'failed') giveUp(io, first);
    else if (watched) await follow(listing, first.value, { ...options, fetch, client, io, clock });
    else print(listing, first.value, options, io, clock);
  });
}

/** Shown and completed like choices, and checked by us: several may be given, and we say what was meant. */
function listOption(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...words];
  return option;
}

/** Tells what is wrong with the options; what to sort by, if something. */
function checked<R>(options: GetOptions, listing: Listing<R>, command: Command) {
  const wrong = (sentence: string): never => command.error(`error: ${sentence}`, { exitCode: 2 });
  const { output, watch, health, kind, sortBy } = options;
  const oneOf = (text: string | undefined, known: readonly string[], what: string): void => {
    const unknown = text?.split(',').find((one) => !known.includes(one));
    if (unknown !== undefined) wrong(`'${unknown}' is none of the ${what} ${known.join(', ')}`);
  };
  oneOf(health, HEALTHS, 'healths');
  oneOf(kind, EVENT_KINDS, 'kinds');
  if (watch === true && (output === 'json' || output === 'yaml'))
    wrong(`-o ${output} is one document and cannot be watched; use -o jsonl`);
  if (sortBy === undefined) return undefined;
  const fields = Object.keys(listing.sorts);
  const meant = nearest(sortBy, fields);
  const hint = meant === undefined ? `there are ${fields.join(', ')}` : `did you mean '${meant}'?`;
  return listing.sorts[sortBy] ?? wrong(`${listing.name} cannot be sorted by '${sortBy}': ${hint}`);
}

async function fetchRows<R>(
  listing: Listing<R>,
  options: GetOptions,
  client: Client,
  signal: AbortSignal,
): Promise<Fetched<readonly R[]>> {
  if (!listing.paged) {
    const all = await client.get<{ readonly items: readonly R[] }>(listing.path, signal);
    return all.kind === 'failed' ? all : { kind: 'ok', value: all.value.items };
  }
  const { registry, namespace, service, health, query, disagree, kind } = options;
  const filters = { registry, namespace, service, health, q: query, kind, disagree: disagree && 'true' };
  const given = Object.entries(filters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return client.list<R>(listing.path, Object.fromEntries(given), signal);
}

function print<R extends object>(
  listing: Listing<R>,
  rows: readonly R[],
  { output, headers }: GetOptions,
  io: Io,
  clock: Clock,
): void {
  switch (output) {
    case 'json':
    case 'yaml':
      printDocument(io, output, rows);
      break;
    case 'jsonl':
      for (const row of rows) printDocument(io, output, row);
      break;
    case 'table':
    case 'wide': {
      if (rows.length === 0) {
        io.err.write(`No ${listing.name}.\n`);
        break;
      }
      const look = lookFor(io, output === 'wide');
      const columns = listing.columns({ ...look, now: clock.wall() });
      const table = headers
        ? renderTable(columns, rows, look)
        : renderRows(columns, rows, layOut(columns, rows, look.width), look.color);
      io.out.write(table);
      break;
    }
    default:
      output satisfies never;
  }
}
