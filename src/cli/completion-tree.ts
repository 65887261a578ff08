/** The command line as completion scripts see it, read from commander's tree. Pure. */

import type { Argument, Command, Option } from 'commander';

/** What may stand at a place: one of these words, a file, something only the server knows, or nothing to guess. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' }
  | { readonly kind: 'ask'; readonly what: Askable }
  | { readonly kind: 'any' };

/** What `sonde __complete` can tell. */
export const ASKABLES = [
  'registries',
  'namespaces',
  'services',
  'instances',
  'selectors',
  'interventions',
  'explainable',
] as const;
export type Askable = (typeof ASKABLES)[number];

export interface OptionNode {
  readonly long: string;
  readonly short: string | undefined;
  readonly summary: string;
  /** Undefined where it is a switch. */
  readonly value: Value | undefined;
}

export interface CommandNode {
  /** `/get/instances`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly OptionNode[];
  /** Of all its arguments. */
  readonly argument: Value | undefined;
}

/** The program and everything below it. */
export function completionTree(program: Command): readonly CommandNode[] {
  return nodesOf(program, '');
}

function nodesOf(command: Command, path: string): readonly CommandNode[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const [first] = command.registeredArguments;
  const node: CommandNode = {
    path,
    commands: below.map((one) => ({ name: one.name(), summary: one.description() })),
    options: help.visibleOptions(command).map(optionNode),
    argument: first === undefined ? undefined : argumentValue(first),
  };
  return [node, ...below.flatMap((one) => nodesOf(one, `${path}/${one.name()}`))];
}

function optionNode(option: Option): OptionNode {
  const { long = '', short, description, required, optional } = option;
  return {
    long,
    short,
    summary: description,
    value: required || optional ? optionValue(option) : undefined,
  };
}

const BY_OPTION: Readonly<Record<string, Value>> = {
  '--config': { kind: 'files' },
  '--ca-file': { kind: 'files' },
  '--token-file': { kind: 'files' },
  '--registry': { kind: 'ask', what: 'registries' },
  '--namespace': { kind: 'ask', what: 'namespaces' },
  '--service': { kind: 'ask', what: 'services' },
  '--for': { kind: 'any' },
};

function optionValue({ long, argChoices }: Option): Value {
  if (argChoices !== undefined) return { kind: 'words', words: argChoices };
  return BY_OPTION[long ?? ''] ?? { kind: 'any' };
}

const BY_ARGUMENT: Readonly<Record<string, Value>> = {
  file: { kind: 'files' },
  instance: { kind: 'ask', what: 'instances' },
  'instance-or-code': { kind: 'ask', what: 'explainable' },
  selector: { kind: 'ask', what: 'selectors' },
  'selector-or-id': { kind: 'ask', what: 'interventions' },
  registry: { kind: 'ask', what: 'registries' },
};

function argumentValue(argument: Argument): Value {
  if (argument.argChoices !== undefined) return { kind: 'words', words: argument.argChoices };
  return BY_ARGUMENT[argument.name()] ?? { kind: 'any' };
}
