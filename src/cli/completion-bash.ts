/** The completion script for bash, without need of the package bash-completion. Pure. */

import type { CommandNode, Value } from './completion-tree.ts';

export function bashCompletion(tree: readonly CommandNode[]): string {
  const paths = tree.flatMap(({ path }) => (path === '' ? [] : [path]));
  return `# Completion of sonde for bash: source <(sonde completion bash)
_sonde() {
  local line=\${COMP_LINE:0:COMP_POINT} at='' cur prev i
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]} - 1]}
  prev=\${words[\${#words[@]} - 2]}
  [[ $cur == --*=* ]] && prev=\${cur%%=*} cur=\${cur#*=}
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    case "$at/\${words[i]}" in
      ${paths.map(quote).join(' | ')}) at="$at/\${words[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
${tree.flatMap(optionCases).join('\n')}
    *)
      if [[ $cur == -* ]]; then
        case "$at" in
${tree.map(({ path, options }) => `          ${quote(path)}) _sonde_words ${quote(options.map(({ long }) => long).join(' '))} ;;`).join('\n')}
        esac
      else
        case "$at" in
${tree.flatMap(argumentCase).join('\n')}
        esac
      fi
      ;;
  esac
  # What stands before the last colon is no part of the word for readline.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    local head=\${cur%"\${cur##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$head"}")
  fi
}
# Words of which one is to be chosen; of a list with commas the last is.
_sonde_words() {
  local head=''
  [[ $cur == *,* ]] && head=\${cur%,*},
  local -a found=($(compgen -W "$1" -- "\${cur##*,}"))
  COMPREPLY=("\${found[@]/#/$head}")
}
_sonde_files() {
  compopt -o filenames 2>/dev/null
  local IFS=$'\\n'
  COMPREPLY=($(compgen -f -- "$cur"))
}
_sonde_ask() {
  local value rest
  while IFS=$'\\t' read -r value rest; do
    [[ $value == "$cur"* ]] && COMPREPLY+=("$value")
  done < <(sonde __complete "$1" "$cur" 2>/dev/null)
}
complete -F _sonde sonde
`;
}

function optionCases({ path, options }: CommandNode): readonly string[] {
  return options.flatMap(({ long, short, value }) => {
    if (value === undefined) return [];
    const names = [long, ...(short === undefined ? [] : [short])].map((name) => quote(`${path} ${name}`));
    return [`    ${names.join(' | ')}) ${call(value)} ;;`];
  });
}

function argumentCase({ path, commands, argument }: CommandNode): readonly string[] {
  const value: Value | undefined =
    commands.length > 0 ? { kind: 'words', words: commands.map(({ name }) => name) } : argument;
  return value === undefined ? [] : [`          ${quote(path)}) ${call(value)} ;;`];
}

function call(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `_sonde_words ${quote(value.words.join(' '))}`;
    case 'files':
      return '_sonde_files';
    case 'ask':
      return `_sonde_ask ${value.what}`;
    case 'any':
      return ':';
    default:
      return value satisfies never;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
