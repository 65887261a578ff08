/** Names that are given twice, and names that nothing has. */

import { nearest } from '../lib/edit-distance.ts';
import { globListMatches } from '../lib/glob.ts';
import type { Findings } from './findings.ts';
import { childOf, itemsOf, type Node, shownText, textOf, textsOf } from './tree.ts';
import { listed } from './wording.ts';

/** The rule of checks that name none; there without being written, if the kind `success-rate` is. */
export const STANDARD_RULE = 'standard';

export function tellDuplicates(list: Node | undefined, what: string, findings: Findings): void {
  const first = new Map<string, Node>();
  for (const item of itemsOf(list)) {
    const node = childOf(item, 'name');
    const name = textOf(node);
    if (node === undefined || name === undefined) continue;
    const known = first.get(name);
    if (known === undefined) first.set(name, node);
    else
      findings.add({
        code: 'SND2001',
        // Of an aliased item the alias is to blame.
        at: item.aliases[0] ?? node.span,
        message: `there is already a ${what} \`${shownText(node)}\``,
        notes: [{ at: known.span, message: 'the first one is here' }],
      });
  }
}

/** `holder` is a check or the defaults. */
export function tellRule(
  holder: Node | undefined,
  key: 'rule' | 'shadow',
  rules: ReadonlySet<string>,
  findings: Findings,
): void {
  const node = childOf(holder, key);
  const name = textOf(node);
  if (node === undefined || name === undefined || rules.has(name)) return;
  findings.add({
    code: 'SND2002',
    message: `there is no rule \`${shownText(node)}\``,
    at: node.span,
    hint: suggestion(node, rules),
  });
}

export interface KnownRegistry {
  readonly name: string;
  readonly node: Node;
}

export function registriesOf(root: Node): readonly KnownRegistry[] {
  return itemsOf(childOf(root, 'registries')).flatMap((node) => {
    const name = textOf(childOf(node, 'name'));
    return name === undefined ? [] : [{ name, node }];
  });
}

/** The registries that a match lets in, as far as its key `registry` says. */
export function registriesIn<R extends KnownRegistry>(holder: Node, registries: readonly R[]): readonly R[] {
  const patterns = textsOf(childOf(childOf(holder, 'match'), 'registry')).map(({ text }) => text);
  return registries.filter(({ name }) => globListMatches(patterns, name));
}

export function tellMatch(holder: Node, registries: readonly KnownRegistry[], findings: Findings): void {
  const names = registries.map(({ name }) => name);
  for (const { text, node } of textsOf(childOf(childOf(holder, 'match'), 'registry'))) {
    const pattern = text.startsWith('!') ? text.slice(1) : text;
    if (names.some((name) => globListMatches([pattern], name))) continue;
    const at = node.span;
    if (/[*?]/.test(pattern))
      findings.add({ code: 'SND3001', message: `\`${shownText(node)}\` matches no registry`, at });
    else {
      const hint = suggestion(node, names);
      findings.add({
        code: 'SND2003',
        message: `there is no registry \`${shownText(node).replace(/^!/, '')}\``,
        at,
        hint,
      });
    }
  }
}

/** What was meant by the text of a node, or what there is; nothing where that would tell its hidden value. */
export function suggestion(node: Node, names: Iterable<string>): string | undefined {
  const known = [...names];
  const hidden = node.kind === 'scalar' && node.references.length > 0;
  const close = hidden ? undefined : nearest((textOf(node) ?? '').replace(/^!/, ''), known);
  if (close !== undefined) return `did you mean \`${close}\`?`;
  return listed(known);
}
