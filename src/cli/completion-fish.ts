/** The completion script for fish. Pure. */

import type { CommandNode, OptionNode, Value } from './completion-tree.ts';

export function fishCompletion(tree: readonly CommandNode[]): string {
  const paths = tree.flatMap(({ path }) => (path === '' ? [] : [path]));
  const lines = tree.flatMap((node) => [
    ...node.options.map((option) => optionLine(node, option)),
    ...argumentLines(node),
  ]);
  return `# Completion of sonde for fish: sonde completion fish > ~/.config/fish/completions/sonde.fish
function __sonde_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        contains -- "$at/$word" ${paths.map(quote).join(' ')}
        and set at "$at/$word"
    end
    test "$at" = "$argv[1]"
end
complete -c sonde -f
${lines.join('\n')}
`;
}

function optionLine({ path }: CommandNode, { long, short, summary, value }: OptionNode): string {
  const names = `-l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`;
  return `complete -c sonde -n ${at(path)} ${names}${value === undefined ? '' : ` ${choice(value)}`} -d ${quote(summary)}`;
}

function argumentLines({ path, commands, argument }: CommandNode): readonly string[] {
  if (commands.length > 0)
    return commands.map(
      ({ name, summary }) => `complete -c sonde -n ${at(path)} -a ${quote(name)} -d ${quote(summary)}`,
    );
  if (argument === undefined || argument.kind === 'any') return [];
  // Of an argument nothing is required, or fish would ask for it behind every option.
  return [`complete -c sonde -n ${at(path)} ${choice(argument).replace(/^-[xr] /, '')}`];
}

function choice(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `-x -a ${quote(value.words.join(' '))}`;
    case 'files':
      return '-r -F';
    case 'ask':
      return `-x -a ${quote(`(sonde __complete ${value.what} (commandline -ct) 2>/dev/null)`)}`;
    case 'any':
      return '-x';
    default:
      return value satisfies never;
  }
}

function at(path: string): string {
  return quote(`__sonde_at ${quote(path)}`);
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
