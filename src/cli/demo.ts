/** `sonde demo`: the real program with the example configuration, against sample providers that it starts itself. */

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, assemble } from '../app/assemble.ts';
import { type SampleProvider, startProviders } from '../app/demo/providers.ts';
import { createLog } from '../app/log.ts';
import { systemClock } from '../app/system-clock.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Report } from '../core/report.ts';
import type { InstanceView } from '../core/view.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { describeAddresses } from './addresses.ts';
import type { AddCommand, Io } from './io.ts';
import { loadOrTell } from './load.ts';
import { healthCell, lookOf } from './look.ts';
import { type Column, renderTable } from './table.ts';

const EXAMPLE = fileURLToPath(new URL('../../probes.example.yaml', import.meta.url));
/** Milliseconds between two drawings of the live table. */
const REDRAW = 500;

export const addDemo: AddCommand = (program, io) => {
  program
    .command('demo')
    .description('Run the example configuration against sample providers on loopback')
    .addHelpText('after', '\nExamples:\n  sonde demo\n')
    .action(() => demo(io, systemClock));
};

async function demo(io: Io, clock: Clock): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'sonde-demo-'));
  scope.defer(() => rm(dir, { recursive: true, force: true }));
  const providers = await startProviders(clock, scope, io.signal);
  const env = { ...io.env, ...(await writeFiles(dir, providers)) };
  const loaded = await loadOrTell(EXAMPLE, io, env);
  if (loaded === undefined) return;

  const log = createLog('silent');
  const stories = new Map(providers.map(({ service, story }) => [service, story]));
  const lines = io.out.isTTY ? undefined : new Transitions(io, clock);
  const { catalogue } = loaded;
  const deps = { clock, log, env, random: Math.random };
  const app = scope.use(
    await openSomewhere(loaded.config, (config) =>
      assemble({ config, catalogue }, { ...deps, tap: (report) => lines?.take(report) }),
    ),
  );
  const { main = '' } = describeAddresses(app.addresses);
  io.out.write(
    [
      'sonde demo: six sample providers on loopback, each ill in its own way.',
      `  API and metrics  ${main}/v1/instances  ${main}/metrics`,
      `  registry         ${join(dir, 'providers.yaml')} (health is written beside it)`,
      `  your own file    cp ${EXAMPLE} sonde.yaml, edit it, sonde validate sonde.yaml, sonde run -c sonde.yaml`,
      '  Ctrl-C stops.',
      '',
      '',
    ].join('\n'),
  );
  const drawing = io.out.isTTY ? draw(app, stories, io, clock) : Promise.resolve();
  await app.run(io.signal);
  await drawing;
  io.out.write('\nStopped: the sample providers are gone, and so is their registry.\n');
}

/** The registry of the sample providers, and the script of the one that is checked by one. */
async function writeFiles(
  dir: string,
  providers: readonly SampleProvider[],
): Promise<Record<string, string>> {
  const services = providers.map(({ service, port }) => ({
    name: service,
    instances: [{ host: '127.0.0.1', port }],
  }));
  const registry = join(dir, 'providers.yaml');
  await writeFile(registry, `${JSON.stringify({ services }, null, 2)}\n`);
  const script = join(dir, 'check.sh');
  // Any program will do; this one asks whether the port answers.
  await writeFile(
    script,
    '#!/bin/sh\nexec 2>/dev/null\ntest "$SONDE_PORT" -gt 0 && echo "port $SONDE_PORT is fine"\n',
  );
  await chmod(script, 0o755);
  await mkdir(join(dir, 'state'));
  return { SONDE_DEMO_PROVIDERS: registry, SONDE_DEMO_SCRIPT: script, XDG_RUNTIME_DIR: join(dir, 'state') };
}

/** At the address of the configuration, or at a free port when that is taken: a demo must not fail for that. */
async function openSomewhere(config: Config, make: (config: Config) => App): Promise<App> {
  const first = make(config);
  if ((await first.listen()) === undefined) return first;
  await first[Symbol.asyncDispose]();
  const elsewhere = { ...config.server, listen: { ...config.server.listen, port: 0 } };
  const second = make({ ...config, server: elsewhere });
  const failed = await second.listen();
  if (failed === undefined) return second;
  await second[Symbol.asyncDispose]();
  throw new Error(`cannot listen: ${failed}`);
}

const COLUMNS = (stories: ReadonlyMap<string, string>, clock: Clock): readonly Column<InstanceView>[] => [
  { title: 'SERVICE', cell: ({ service }) => service, whole: true },
  { title: 'HEALTH', cell: ({ health, flags }) => healthCell(health, flags, true), whole: true },
  { title: 'RATE', cell: ({ checks }) => percent(checks[0]?.rate ?? null), whole: true },
  { title: 'REASON', cell: ({ reason }) => reason, whole: true },
  {
    title: 'SINCE',
    cell: ({ since }) => `${Math.max(0, Math.round((clock.wall() - (parseIsoTime(since) ?? 0)) / 1_000))}s`,
  },
  { title: 'LAST LOOK', cell: ({ checks }) => lastLook(checks[0]) },
  { title: 'THE TRUTH', cell: ({ service }) => ({ text: stories.get(service) ?? '', tone: 'dim' }) },
];

/** Draws the table over itself until the end. */
async function draw(app: App, stories: ReadonlyMap<string, string>, io: Io, clock: Clock): Promise<void> {
  const columns = COLUMNS(stories, clock);
  let drawn = 0;
  while (!io.signal.aborted) {
    const table = renderTable(columns, [...app.board.instances({})], lookOf(io));
    // Up over the last table, and clear to the end of the screen.
    io.out.write(`${drawn === 0 ? '' : `\x1b[${drawn}A\x1b[J`}${table}`);
    drawn = table.split('\n').length - 1;
    await clock.sleep(REDRAW, io.signal).catch(() => undefined);
  }
}

/** One line for each transition of an instance. */
class Transitions {
  readonly #io: Io;
  readonly #clock: Clock;
  readonly #names = new Map<string, string>();
  readonly #started: number;

  constructor(io: Io, clock: Clock) {
    this.#io = io;
    this.#clock = clock;
    this.#started = clock.now();
  }

  take(report: Report): void {
    if (report.kind === 'instance') {
      const { id, service, host, port } = report.instance;
      this.#names.set(id, `${service} ${host}:${port}`);
    }
    if (report.kind !== 'health' || report.from === report.to) return;
    const seconds = ((this.#clock.now() - this.#started) / 1_000).toFixed(1).padStart(6);
    const name = this.#names.get(report.instance) ?? report.instance;
    this.#io.out.write(`${seconds}s  ${name}  ${report.from} -> ${report.to}  ${report.reason}\n`);
  }
}

function percent(rate: number | null): string {
  return rate === null ? '-' : `${Math.round(rate * 100)}%`;
}

function lastLook(check: InstanceView['checks'][number] | undefined): string {
  const last = check?.last;
  if (last === undefined || last === null) return '-';
  return last.outcome === 'pass'
    ? `pass in ${Math.round(last.duration)} ms`
    : `${last.outcome}: ${last.detail ?? ''}`;
}
