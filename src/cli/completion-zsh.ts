/** The completion script for zsh. Pure. */

import type { CommandNode, Value } from './completion-tree.ts';

export function zshCompletion(tree: readonly CommandNode[]): string {
  const paths = tree.flatMap(({ path }) => (path === '' ? [] : [path]));
  return `#compdef sonde
# Completion of sonde for zsh: sonde completion zsh > a folder of $fpath/_sonde, or source <(sonde completion zsh)
_sonde() {
  local at='' cur=\${words[CURRENT]} prev=\${words[CURRENT - 1]} i
  for ((i = 2; i < CURRENT; i++)); do
    case "$at/\${words[i]}" in
      (${paths.map(quote).join(' | ')}) at="$at/\${words[i]}" ;;
    esac
  done
  if [[ $cur == --*=* ]]; then
    prev=\${cur%%=*}
    compset -P '*='
    cur=\${cur#*=}
  fi
  case "$at $prev" in
${tree.flatMap(optionCases).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    local -a options
    case "$at" in
${tree.map(optionsCase).join('\n')}
    esac
    _describe -o 'option' options
  else
    local -a commands
    case "$at" in
${tree.flatMap(argumentCase).join('\n')}
    esac
  fi
}
# Words of which one is to be chosen; of a list with commas the last is.
_sonde_words() {
  compset -P '*,'
  compadd -- "$@"
}
_sonde_ask() {
  local -a found
  found=("\${(@f)$(sonde __complete "$1" "$cur" 2>/dev/null)}")
  compadd -- "\${(@)found%%$'\\t'*}"
}
if [[ $funcstack[1] == _sonde ]]; then
  _sonde "$@"
else
  compdef _sonde sonde
fi
`;
}

function optionCases({ path, options }: CommandNode): readonly string[] {
  return options.flatMap(({ long, short, value }) => {
    if (value === undefined) return [];
    const names = [long, ...(short === undefined ? [] : [short])].map((name) => quote(`${path} ${name}`));
    return [`    (${names.join(' | ')}) ${call(value)}; return ;;`];
  });
}

function optionsCase({ path, options }: CommandNode): string {
  const described = options.map(({ long, summary }) => describe(long, summary));
  return `      (${quote(path)}) options=(${described.join(' ')}) ;;`;
}

function argumentCase({ path, commands, argument }: CommandNode): readonly string[] {
  if (commands.length > 0) {
    const described = commands.map(({ name, summary }) => describe(name, summary));
    return [`      (${quote(path)}) commands=(${described.join(' ')}); _describe 'command' commands ;;`];
  }
  return argument === undefined ? [] : [`      (${quote(path)}) ${call(argument)} ;;`];
}

function call(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `_sonde_words ${value.words.map(quote).join(' ')}`;
    case 'files':
      return '_files';
    case 'ask':
      return `_sonde_ask ${value.what}`;
    case 'any':
      return ':';
    default:
      return value satisfies never;
  }
}

/** For \`_describe\`, which parts the two at a colon. */
function describe(name: string, summary: string): string {
  return quote(`${name.replaceAll(':', '\\:')}:${summary}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
