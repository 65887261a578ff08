/** `sonde completion`: scripts that complete the command line, and what they ask for while somebody types. */

import { Argument } from 'commander';
import { systemClock } from '../app/system-clock.ts';
import { PROBLEM_CODES } from '../config/problem.ts';
import type { Intervention } from '../core/intervention.ts';
import type { Page, ServiceView } from '../core/list-view.ts';
import type { InstanceView, SummaryView } from '../core/view.ts';
import { printable } from '../lib/text-width.ts';
import { Client } from './client.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { ASKABLES, type Askable, completionTree } from './completion-tree.ts';
import { zshCompletion } from './completion-zsh.ts';
import type { AddCommand, Io } from './io.ts';
import { addressOf } from './listing.ts';
import { formatSelector } from './selector.ts';
import { DEFAULT_SERVER, parseServer } from './server.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
type Shell = keyof typeof SHELLS;

/** Milliseconds: somebody waits with the finger on the key. */
const PATIENCE = 1_000;
/** Names that help anybody. */
const MOST = 200;

export const addCompletion: AddCommand = (program, io) => {
  program
    .command('completion')
    .description('Print the script that completes commands, options and names for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => {
      io.out.write(SHELLS[shell](completionTree(program)));
    });
  program
    .command('__complete', { hidden: true })
    .addArgument(new Argument('<what>').choices(ASKABLES))
    .argument('[prefix]')
    .action(async (what: Askable, prefix = '') => {
      for (const { value, about } of await candidates(what, prefix, io))
        if (value.startsWith(prefix)) io.out.write(`${printable(value)}\t${printable(about)}\n`);
    });
};

const EXAMPLES = `
Names of instances and services come from the sonde at SONDE_SERVER as you type.

Examples:
  source <(sonde completion bash)
  sonde completion zsh > ~/.zfunc/_sonde
  sonde completion fish > ~/.config/fish/completions/sonde.fish
`;

interface Candidate {
  readonly value: string;
  readonly about: string;
}

async function candidates(what: Askable, prefix: string, io: Io): Promise<readonly Candidate[]> {
  if (what === 'explainable' && /^S/i.test(prefix))
    return Object.entries(PROBLEM_CODES).map(([value, about]) => ({ value, about }));
  const server = parseServer(io.env.SONDE_SERVER || DEFAULT_SERVER);
  if (server === undefined) return [];
  const token = (): Promise<never> => Promise.reject(new Error('nothing is changed here'));
  await using client = new Client({ server, clock: systemClock, token });
  const ask = async <T>(
    path: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<T | undefined> => {
    using deadline = systemClock.deadline(PATIENCE, io.signal);
    try {
      const answer = await client.get<T>(path, deadline.signal, parameters);
      return answer.kind === 'ok' ? answer.value : undefined;
    } catch (error) {
      if (!deadline.expired) throw error;
      return undefined;
    }
  };
  return await named(what, prefix, ask);
}

type AskFor = <T>(path: string, parameters?: Readonly<Record<string, string>>) => Promise<T | undefined>;

async function named(what: Askable, prefix: string, ask: AskFor): Promise<readonly Candidate[]> {
  const narrowed: Readonly<Record<string, string>> = {
    limit: String(MOST),
    ...(prefix === '' ? {} : { q: prefix }),
  };
  const services = async (): Promise<readonly ServiceView[]> =>
    (await ask<Page<ServiceView>>('/v1/services', narrowed))?.items ?? [];
  const instances = async (): Promise<readonly Candidate[]> =>
    ((await ask<Page<InstanceView>>('/v1/instances', narrowed))?.items ?? []).map((instance) => ({
      value: addressOf(instance),
      about: `${instance.namespace}/${instance.service} ${instance.health}`,
    }));
  switch (what) {
    case 'registries':
      return ((await ask<SummaryView>('/v1/summary'))?.registries ?? []).map(({ name, kind }) => ({
        value: name,
        about: kind,
      }));
    case 'namespaces':
      return [...new Set((await services()).map(({ namespace }) => namespace))].map((value) => ({
        value,
        about: 'namespace',
      }));
    case 'services':
      return (await services()).map(({ service, namespace }) => ({ value: service, about: namespace }));
    case 'instances':
    case 'explainable':
      return instances();
    case 'selectors': {
      const names = (await services()).flatMap(({ namespace, service }) => [
        { value: service, about: `service of ${namespace}` },
        { value: `${namespace}/${service}`, about: 'service' },
      ]);
      return [...names, ...(await instances())];
    }
    case 'interventions':
      return (
        (await ask<{ readonly items: readonly Intervention[] }>('/v1/interventions'))?.items ?? []
      ).flatMap(({ id, kind, selector }) => [
        { value: formatSelector(selector), about: kind },
        { value: id, about: `${kind} ${formatSelector(selector)}` },
      ]);
    default:
      return what satisfies never;
  }
}
