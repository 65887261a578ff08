/** `sonde get`: lists of a running sonde, once or followed. */

import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { systemClock } from '../app/system-clock.ts';
import type { Clock } from '../core/clock.ts';
import { HEALTHS } from '../core/health.ts';
import { printable } from '../lib/text-width.ts';
import { Client, DEFAULT_SERVER, type Fetched, parseServer } from './client.ts';
import type { Io } from './io.ts';
import { EVENTS, INSTANCES, type Listing, SERVICES, WRITES } from './listings.ts';
import { type Look, lookOf } from './look.ts';
import { type Column, type Layout, layOut, renderRows, renderTable, renderTitles } from './table.ts';
import { changesBetween, type Row } from './watch.ts';

const OUTPUTS = ['table', 'wide', 'json', 'jsonl', 'yaml'] as const;
type Output = (typeof OUTPUTS)[number];
/** Milliseconds between two looks of a watch. */
const PERIOD = 1_000;

interface GetOptions {
  readonly output: Output;
  readonly watch?: true;
  readonly server?: string;
  readonly registry?: string;
  readonly namespace?: string;
  readonly service?: string;
  readonly health?: string;
}

export function addGet(program: Command, io: Io, clock: Clock = systemClock): void {
  const get = program.command('get').description('List what a running sonde knows');
  addListing(get, INSTANCES, io, clock);
  addListing(get, SERVICES, io, clock);
  addListing(get, EVENTS, io, clock);
  addListing(get, WRITES, io, clock);
}

function addListing<R extends object>(get: Command, listing: Listing<R>, io: Io, clock: Clock): void {
  const command: Command = get
    .command(listing.name)
    .description(listing.summary)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(OUTPUTS).default('table'))
    .option('-w, --watch', 'go on printing what changes, until interrupted')
    .option('--registry <names>', 'only of these registries, separated by commas')
    .option('--namespace <names>', 'only of these namespaces')
    .option('--service <names>', 'only of these services')
    .option('--health <healths>', `only of these healths: ${HEALTHS.join(', ')}`)
    .option('--server <url>', `where sonde runs (SONDE_SERVER, else ${DEFAULT_SERVER})`)
    .action(async (options: GetOptions) => {
      const wrong = (sentence: string): never => command.error(`error: ${sentence}`, { exitCode: 2 });
      const { output, watch, health } = options;
      const asked = options.server ?? (io.env.SONDE_SERVER || DEFAULT_SERVER);
      const server = parseServer(asked) ?? wrong(`'${asked}' is no http:// or https:// URL of a server`);
      const unknown = health?.split(',').find((one) => !HEALTHS.some((known) => known === one));
      if (unknown !== undefined) wrong(`'${unknown}' is none of the healths ${HEALTHS.join(', ')}`);
      if (watch === true && (output === 'json' || output === 'yaml')) {
        wrong(`-o ${output} is one document and cannot be watched; use -o jsonl`);
      }
      await using client = new Client(server, clock);
      const fetch = async (): Promise<Fetched<readonly R[]>> => {
        const fetched = await client.list<R>(listing.path, filtersOf(options), io.signal);
        return fetched.kind === 'ok' && listing.newestLast
          ? { kind: 'ok', value: fetched.value.toReversed() }
          : fetched;
      };
      const first = await fetch();
      if (first.kind === 'failed') {
        complain(io, first.sentence);
        io.exit(4);
        return;
      }
      if (watch === true) await follow(listing, first.value, { output, fetch, io, clock });
      else print(listing, first.value, { output, io, clock });
    });
}

function filtersOf({ registry, namespace, service, health }: GetOptions): Readonly<Record<string, string>> {
  const filters = Object.entries({ registry, namespace, service, health });
  return Object.fromEntries(filters.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

interface PrintDeps {
  readonly output: Output;
  readonly io: Io;
  readonly clock: Clock;
}

function print<R extends object>(
  listing: Listing<R>,
  rows: readonly R[],
  { output, io, clock }: PrintDeps,
): void {
  switch (output) {
    case 'json':
      io.out.write(`${JSON.stringify(rows, null, 2)}\n`);
      break;
    case 'jsonl':
      for (const row of rows) io.out.write(`${JSON.stringify(row)}\n`);
      break;
    case 'yaml':
      io.out.write(stringify(rows, { aliasDuplicateObjects: false }));
      break;
    case 'table':
    case 'wide': {
      if (rows.length === 0) {
        io.err.write(`No ${listing.name}.\n`);
        break;
      }
      const look = lookFor(output, io);
      io.out.write(renderTable(listing.columns({ ...look, now: clock.wall() }), rows, look));
      break;
    }
    default:
      output satisfies never;
  }
}

interface FollowDeps<R> extends PrintDeps {
  readonly fetch: () => Promise<Fetched<readonly R[]>>;
}

/** Prints what is there, then a row for each change; an outage is told once and sat out. */
async function follow<R extends object>(
  listing: Listing<R>,
  first: readonly R[],
  deps: FollowDeps<R>,
): Promise<never> {
  const { io, clock, fetch } = deps;
  const printer = deps.output === 'jsonl' ? jsonPrinter<R>(io) : tablePrinter(listing, deps);
  let before = first;
  let failing = false;
  printer(first.map((row) => ({ row, departed: false })));
  for (;;) {
    await clock.sleep(PERIOD, io.signal);
    const fetched = await fetch();
    if (fetched.kind === 'failed') {
      if (!failing) complain(io, `${fetched.sentence}; trying again`);
      failing = true;
      continue;
    }
    failing = false;
    printer(changesBetween(listing, before, fetched.value));
    before = fetched.value;
  }
}

type Printer<R> = (rows: readonly Row<R>[]) => void;

function jsonPrinter<R extends object>(io: Io): Printer<R> {
  return (rows) => {
    for (const { row, departed } of rows) {
      io.out.write(`${JSON.stringify(departed ? { ...row, departed } : row)}\n`);
    }
  };
}

/** Columns grow with what comes, so that nothing is cut that there is room for. */
function tablePrinter<R>(listing: Listing<R>, { output, io, clock }: PrintDeps): Printer<R> {
  const look = lookFor(output, io);
  let layout: Layout | undefined;
  return (rows) => {
    if (rows.length === 0) return;
    const columns = listing.columns({ ...look, now: clock.wall() }).map(withDeparted);
    const titles = layout === undefined;
    layout = layOut(columns, rows, look.width, layout);
    if (titles) io.out.write(renderTitles(columns, layout));
    io.out.write(renderRows(columns, rows, layout, look.color));
  };
}

/** A row that is gone says so where its health stood, or in its last column where it has none. */
function withDeparted<R>(column: Column<R>, at: number, all: readonly Column<R>[]): Column<Row<R>> {
  const health = all.findIndex(({ title }) => title === 'HEALTH');
  const place = health < 0 ? all.length - 1 : health;
  return {
    ...column,
    cell: ({ row, departed }) =>
      departed && at === place ? { text: 'departed', tone: 'dim' } : column.cell(row),
  };
}

/** Whoever asks for all columns does not want them cut. */
function lookFor(output: Output, io: Io): Look & { readonly wide: boolean } {
  const look = lookOf(io);
  return output === 'wide'
    ? { ...look, width: Number.POSITIVE_INFINITY, wide: true }
    : { ...look, wide: false };
}

function complain(io: Io, sentence: string): void {
  io.err.write(`sonde: ${printable(sentence)}\n`);
}
