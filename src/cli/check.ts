/** `sonde check`: one look over the code of the scheduled ones, without judging or writing anything. */

import { type Command, Option } from 'commander';
import { builtins } from '../app/builtins.ts';
import { lookAround, lookOnce, type Sight } from '../app/one-look.ts';
import { systemClock } from '../app/system-clock.ts';
import { parseDuration } from '../lib/duration.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { printable } from '../lib/text-width.ts';
import { parseOptions, parseTarget } from './check-target.ts';
import type { AddCommand, ExitCode, Io } from './io.ts';
import { loadOrTell } from './load.ts';
import { lookOf } from './look.ts';
import { nagios, nagiosUnknown } from './nagios.ts';
import { withProgress } from './progress.ts';
import { type Column, renderTable } from './table.ts';
import { complain, printDocument } from './tell.ts';
import { waterfall } from './waterfall.ts';

interface CheckOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly timeout: string;
  readonly connectTimeout: string;
  readonly output: 'table' | 'json';
  readonly nagios?: true;
  readonly verbose?: true;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export const addCheck: AddCommand = (program, io) => {
  program
    .command('check')
    .description('Look once: at a target (KIND TARGET), or at what a configuration names (-c FILE [SERVICE])')
    .argument(
      '[kind-or-service]',
      `kind of probe (${builtins.probes.map(({ name }) => name).join(', ')}), or with -c a service`,
    )
    .argument('[target...]', 'host:port for tcp, a URL for http, a command for script')
    .option('-c, --config <file>', 'look at everything that this configuration checks')
    .option('-s, --set <key=value>', 'an option of the probe, as in expect.status=2xx', collect, [])
    .option('--timeout <duration>', 'for the whole look', '2s')
    .option('--connect-timeout <duration>', 'for the connection', '500ms')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'),
    )
    .option('-v, --verbose', 'show where the time of each look went')
    .option('--nagios', 'answer as a Nagios plugin: 0 pass, 1 reached but failed, 2 not reached, 3 skipped')
    .addHelpText('after', EXAMPLES)
    .action(
      async (first: string | undefined, rest: readonly string[], options: CheckOptions, command: Command) => {
        const sights =
          options.config === undefined
            ? await lookAtTarget(first, rest, options, command, io)
            : await lookAtConfigured(options.config, first, rest, { options, command, io });
        if (sights !== undefined) tell(sights, options, io);
      },
    );
};

const EXAMPLES = `
Examples:
  sonde check tcp 127.0.0.1:6379
  sonde check http http://127.0.0.1:8080/healthz --set expect.body.contains=ok
  sonde check script --set exitCodes=docker -- ./check.sh --fast
  sonde check -v http https://example.com/
  sonde check -c probes.yaml web-shop
  sonde check -c probes.yaml --nagios
`;

async function lookAtTarget(
  kind: string | undefined,
  rest: readonly string[],
  options: CheckOptions,
  command: Command,
  io: Io,
): Promise<readonly Sight[] | undefined> {
  if (kind === undefined || rest.length === 0)
    return command.error('error: KIND and TARGET, or -c FILE, are needed');
  const probe = builtins.probes.find(({ name }) => name === kind);
  if (probe === undefined)
    return command.error(
      `error: there is no probe ${kind}: there are ${builtins.probes.map(({ name }) => name).join(', ')}`,
    );
  const timeout = durationOf(options.timeout, '--timeout', command);
  const connectTimeout = Math.min(timeout, durationOf(options.connectTimeout, '--connect-timeout', command));
  const target = parseTarget(kind, rest);
  if (target.kind === 'wrong') return command.error(`error: ${target.message}`);
  const given = parseOptions(options.set, target.options);
  if (given.kind === 'wrong') return command.error(`error: ${given.message}`);
  const decoded = probe.options['~standard'].validate(given.options);
  if (decoded instanceof Promise || decoded.issues !== undefined) {
    const issues = decoded instanceof Promise ? [] : decoded.issues;
    const said = issues.map(({ path = [], message }) => `${path.map(String).join('.')}: ${message}`);
    return command.error(`error: options of ${kind}: ${said.join('; ')}`);
  }
  const { host, port } = target;
  return [await lookOnce({ probe, options: decoded.value, host, port, timeout, connectTimeout }, io.signal)];
}

interface ConfiguredDeps {
  readonly options: CheckOptions;
  readonly command: Command;
  readonly io: Io;
}

async function lookAtConfigured(
  file: string,
  service: string | undefined,
  rest: readonly string[],
  { options, command, io }: ConfiguredDeps,
): Promise<readonly Sight[] | undefined> {
  if (rest.length > 0) return command.error('error: with -c there is at most one SERVICE');
  // What Nagios shows is stdout, and its 1 is a warning: whatever kept us from looking is unknown.
  const giveUp = (why: string, code: ExitCode): undefined => {
    if (options.nagios === true) answer(nagiosUnknown(why), io);
    else {
      complain(io, why);
      io.exit(code);
    }
    return undefined;
  };
  const loaded = await loadOrTell(file, io);
  if (loaded === undefined) {
    if (options.nagios === true) answer(nagiosUnknown(`${file} is not valid: sonde validate says why`), io);
    return undefined;
  }
  const progress = { done: 0, total: 0 };
  const around = await withProgress(
    io,
    systemClock,
    () => `looked at ${progress.done} of ${progress.total} targets`,
    lookAround(loaded.config, loaded.catalogue, service, progress, io.signal),
  );
  if (around.kind === 'failed') return giveUp(around.reason, 4);
  if (around.sights.length > 0) return around.sights;
  return giveUp(`no instance ${service === undefined ? '' : `of ${service} `}matches a check`, 1);
}

function answer({ code, line }: ReturnType<typeof nagios>, io: Io): void {
  io.out.write(line);
  io.exit(code);
}

function durationOf(text: string, option: string, command: Command): number {
  return (
    parseDuration(text) ??
    command.error(`error: ${option} ${text} is no duration; write it as in 500ms or 2s`)
  );
}

const COLUMNS: readonly Column<Sight>[] = [
  { title: 'SERVICE', cell: ({ instance }) => instance.service },
  { title: 'INSTANCE', cell: ({ instance }) => formatHostPort(instance.host, instance.port), whole: true },
  { title: 'CHECK', cell: ({ check }) => check },
  {
    title: 'OUTCOME',
    cell: ({ outcome }) => ({
      text: outcome.kind,
      tone: ({ pass: 'good', fail: 'bad', skip: 'dim' } as const)[outcome.kind],
    }),
    whole: true,
  },
  { title: 'CAUSE', cell: ({ outcome }) => (outcome.kind === 'pass' ? '-' : outcome.cause) },
  { title: 'TOOK', cell: ({ duration }) => `${duration.toFixed(1)}ms`, whole: true },
  { title: 'DETAIL', cell: ({ outcome }) => phasesOf(outcome) ?? outcome.detail ?? '-' },
];

function tell(sights: readonly Sight[], options: CheckOptions, io: Io): void {
  if (options.nagios === true) {
    answer(nagios(sights), io);
    return;
  }
  const rows = sights.map(({ instance, check, outcome, duration }) => ({
    instance: instance.key,
    service: instance.service,
    check,
    duration,
    ...outcome,
  }));
  const look = lookOf(io);
  if (options.output === 'json') printDocument(io, 'json', rows);
  else {
    io.out.write(renderTable(COLUMNS, sights, look));
    if (options.verbose === true) for (const sight of sights) tellPhases(sight, look.width, io);
  }
  io.exit(sights.every(({ outcome }) => outcome.kind === 'pass') ? 0 : 1);
}

function tellPhases({ instance, check, outcome }: Sight, width: number, io: Io): void {
  const phases = outcome.kind === 'skip' ? undefined : outcome.readings?.phases;
  if (phases === undefined) return;
  const title = printable(`${instance.service} ${formatHostPort(instance.host, instance.port)} ${check}`);
  io.out.write(`\n${title}\n${waterfall(phases, width).join('\n')}\n`);
}

/** `connect 0.4 ms, first byte 1.2 ms`. */
function phasesOf(outcome: Sight['outcome']): string | undefined {
  if (outcome.kind !== 'pass' || outcome.readings?.phases === undefined) return undefined;
  const told = Object.entries(outcome.readings.phases).map(
    ([name, ms]) => `${name} ${Number(ms).toFixed(1)} ms`,
  );
  return told.join(', ');
}
