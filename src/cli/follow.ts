/** `sonde get -w`: what is there, then each change, until interrupted. */

import type { Clock } from '../core/clock.ts';
import type { Client, Fetched } from './client.ts';
import type { Io } from './io.ts';
import type { Listing } from './listing.ts';
import { lookFor } from './look.ts';
import { type Column, type Layout, layOut, renderRows, renderTitles } from './table.ts';
import { complain, printDocument } from './tell.ts';
import { type Change, changesBetween } from './watch.ts';

/** Milliseconds between two looks. */
const PERIOD = 1_000;

interface FollowDeps<R> {
  readonly output: string;
  readonly headers: boolean;
  readonly fetch: () => Promise<Fetched<readonly R[]>>;
  readonly client: Client;
  readonly io: Io;
  readonly clock: Clock;
}

/** An outage is told once and sat out. */
export async function follow<R extends object>(
  listing: Listing<R>,
  first: readonly R[],
  deps: FollowDeps<R>,
): Promise<never> {
  const { io, clock, fetch, output } = deps;
  const printer = output === 'jsonl' ? jsonPrinter<R>(io) : tablePrinter(listing, deps);
  let before = first;
  let failing = false;
  printer(first.map((row) => ({ type: 'ADDED', row })));
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

type Printer<R> = (changes: readonly Change<R>[]) => void;

/** In the form of kubectl's `--output-watch-events`. */
function jsonPrinter<R extends object>(io: Io): Printer<R> {
  return (changes) => {
    for (const { type, row } of changes) printDocument(io, 'jsonl', { type, object: row });
  };
}

/** Columns grow with what comes, so that nothing is cut that there is room for. */
function tablePrinter<R>(listing: Listing<R>, { output, headers, io, clock }: FollowDeps<R>): Printer<R> {
  const look = lookFor(io, output === 'wide');
  let layout: Layout | undefined;
  return (changes) => {
    if (changes.length === 0) return;
    const columns = listing.columns({ ...look, now: clock.wall() }).map(withDeparted);
    const titles = layout === undefined && headers;
    layout = layOut(columns, changes, look.width, layout);
    if (titles) io.out.write(renderTitles(columns, layout));
    io.out.write(renderRows(columns, changes, layout, look.color));
  };
}

/** A row that is gone says so where its health stood, or in its last column where it has none. */
function withDeparted<R>(column: Column<R>, at: number, all: readonly Column<R>[]): Column<Change<R>> {
  const health = all.findIndex(({ title }) => title === 'HEALTH');
  const place = health < 0 ? all.length - 1 : health;
  return {
    ...column,
    cell: ({ type, row }) =>
      type === 'DELETED' && at === place ? { text: 'departed', tone: 'dim' } : column.cell(row),
  };
}
