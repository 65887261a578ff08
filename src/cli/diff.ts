/** `sonde diff`: what a reload would change. */

import { type Command, Option } from 'commander';
import { type Change, type ConfigDiff, diffConfig, type Running } from '../app/config-diff.ts';
import type { Clock } from '../core/clock.ts';
import type { ConfigurationView } from '../core/explain-view.ts';
import type { InstanceView, SummaryView } from '../core/view.ts';
import { printable } from '../lib/text-width.ts';
import type { Client, Fetched } from './client.ts';
import { addServerOptions, connectTo } from './connect.ts';
import type { AddCommand, Io } from './io.ts';
import { addressOf } from './listing.ts';
import { loadOrTell } from './load.ts';
import { lookOf } from './look.ts';
import { withProgress } from './progress.ts';
import type { ServerOptions } from './server.ts';
import { paint, type Tone } from './table.ts';
import { giveUp, printDocument } from './tell.ts';

interface DiffOptions extends ServerOptions {
  readonly config: string;
  readonly output: 'text' | 'json';
  readonly all?: true;
}

/** Of the targets of one check so many are named, unless all are asked for. */
const NAMED = 5;

export const addDiff: AddCommand = (program, io, clock) => {
  const command = program
    .command('diff')
    .description('Say what a reload of this configuration would change: exit 0 nothing, 1 something')
    .addOption(
      new Option('-c, --config <file>', 'the new configuration').env('SONDE_CONFIG').makeOptionMandatory(),
    )
    .option('--all', `name all targets, not ${NAMED} of each check`)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  addServerOptions(command)
    .addHelpText('after', '\nExamples:\n  sonde diff -c new.yaml\n  sonde diff -c new.yaml -o json\n')
    .action((options: DiffOptions) => diff(options, command, io, clock));
};

async function diff(options: DiffOptions, command: Command, io: Io, clock: Clock): Promise<void> {
  const loaded = await loadOrTell(options.config, io);
  if (loaded === undefined) return;
  await using client = await connectTo(options, command, io, clock);
  const running = await withProgress(io, clock, () => 'asking what is in force', ask(client, io.signal));
  if (running.kind === 'failed') {
    giveUp(io, running);
    return;
  }
  const found = diffConfig(loaded.config, loaded.catalogue, running.value);
  const { registries, modes, checks, targets, rest } = found;
  const differs = rest || [registries, modes, checks, targets].some(({ length }) => length > 0);
  if (options.output === 'json') printDocument(io, 'json', { differs, ...found });
  else
    io.out.write(
      differs ? report(found, options.all === true, lookOf(io).color) : 'A reload would change nothing.\n',
    );
  io.exit(differs ? 1 : 0);
}

async function ask(client: Client, signal: AbortSignal): Promise<Fetched<Running>> {
  const [configuration, summary, instances] = await Promise.all([
    client.get<ConfigurationView>('/v1/configuration', signal),
    client.get<SummaryView>('/v1/summary', signal),
    client.list<InstanceView>('/v1/instances', {}, signal),
  ]);
  if (configuration.kind === 'failed') return configuration;
  if (summary.kind === 'failed') return summary;
  if (instances.kind === 'failed') return instances;
  const { registries } = summary.value;
  return {
    kind: 'ok',
    value: { configuration: configuration.value, registries, instances: instances.value },
  };
}

const SIGNS: Readonly<Record<Change, readonly [string, Tone]>> = {
  added: ['+', 'good'],
  removed: ['-', 'bad'],
  changed: ['~', 'poor'],
};

function report(
  { registries, modes, checks, targets, kept, rest }: ConfigDiff,
  all: boolean,
  color: boolean,
): string {
  const line = (change: Change, text: string): string => {
    const [sign, tone] = SIGNS[change];
    return paint(`${sign} ${printable(text)}`, tone, color);
  };
  const changed = registries.some(({ change }) => change === 'added')
    ? ['  (which instances an added registry has is not known before it is listed)']
    : [];
  const count = (change: Change): number => targets.filter((target) => target.change === change).length;
  const lines = [
    ...registries.map(({ name, change }) => line(change, `registry ${name}`)),
    ...changed,
    ...modes.map(({ registry, from, to }) =>
      line('changed', `registry ${registry}: write mode ${from} becomes ${to}`),
    ),
    ...checks.flatMap(({ name, change }) => [line(change, `check ${name}`), ...targetLines(name)]),
    // Targets of checks that stay as they are: their registry goes, or none of it matches any more.
    ...[...new Set(targets.map(({ check }) => check))]
      .filter((name) => !checks.some((check) => check.name === name))
      .flatMap((name) => [`  check ${printable(name)}`, ...targetLines(name)]),
    ...(rest ? ['Something else differs: policies, limits, listeners, plugins or comments.'] : []),
    `Targets: ${count('added')} added, ${count('removed')} removed, ${count('changed')} changed, ${kept} kept.`,
  ];
  return `${lines.join('\n')}\n`;

  function targetLines(name: string): readonly string[] {
    const own = targets.filter(({ check }) => check === name);
    const named = own.slice(0, all ? own.length : NAMED).map(({ change, instance }) => {
      const { registry, namespace, service } = instance;
      return `    ${line(change, `${registry}/${namespace}/${service} ${addressOf(instance)}`)}`;
    });
    return own.length > named.length
      ? [...named, `    … and ${own.length - named.length} more (--all)`]
      : named;
  }
}
