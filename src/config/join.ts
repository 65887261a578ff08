/** Makes one configuration of the files of a folder: lists and the map of rules are joined, all else is said once. */

import type { Findings } from './findings.ts';
import { type Entry, locate, type MapNode, type Node } from './tree.ts';

const LISTS = ['registries', 'checks', 'policies', 'webhooks', 'consumers', 'plugins'];

/** At least one root. Keys that start with `x-` stay where they are: anchors do not reach over files. */
export function joinRoots(roots: readonly MapNode[], findings: Findings): MapNode {
  const [first, ...others] = roots;
  if (first === undefined) throw new Error('a configuration of no file');
  tellVersions(others, findings);
  const entries = new Map(first.entries);
  for (const { entries: more } of others)
    for (const [key, entry] of more) {
      const known = entries.get(key);
      if (known === undefined) entries.set(key, entry);
      else if (key !== 'version' && !key.startsWith('x-'))
        entries.set(key, joinEntries(key, known, entry, findings));
    }
  return { ...first, entries, size: roots.reduce((sum, { size }) => sum + size, 0) };
}

/** That of the first is looked at with everything else. */
function tellVersions(others: readonly MapNode[], findings: Findings): void {
  for (const root of others) {
    const { node, span } = locate(root, ['version']);
    if (node === undefined)
      findings.add({
        code: 'SND1004',
        message: '`version` is missing',
        at: span,
        hint: 'every file says it',
      });
    else if (node.kind !== 'scalar' || (node.value !== 1 && !node.broken))
      findings.add({ code: 'SND1006', message: 'must be 1', at: span });
  }
}

function joinEntries(key: string, known: Entry, entry: Entry, findings: Findings): Entry {
  const [one, other] = [known.value, entry.value];
  if (LISTS.includes(key)) {
    // What is no list is told as such, in one place.
    if (one.kind !== 'list') return known;
    return other.kind === 'list'
      ? { ...known, value: { ...one, items: [...one.items, ...other.items], size: one.size + other.size } }
      : entry;
  }
  if (key === 'rules' && one.kind === 'map' && other.kind === 'map')
    return { ...known, value: joinMaps(one, other, findings) };
  findings.add({
    code: 'SND1002',
    message: `\`${key}\` is in another file already`,
    at: entry.key,
    notes: [{ at: known.key, message: 'the first one is here' }],
    hint: 'say it in one of the files only',
  });
  return known;
}

function joinMaps(one: MapNode, other: MapNode, findings: Findings): Node {
  const entries = new Map(one.entries);
  for (const [name, entry] of other.entries) {
    const known = entries.get(name);
    if (known === undefined) entries.set(name, entry);
    else
      findings.add({
        code: 'SND1002',
        message: 'this key is there already',
        at: entry.key,
        notes: [{ at: known.key, message: 'the first one is here' }],
      });
  }
  return { ...one, entries, size: one.size + other.size };
}
