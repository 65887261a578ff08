/** The options of registries, rules and probes, decoded by the plugin of their kind. */

import type { Catalogue } from '../core/catalogue.ts';
import type { Use } from '../core/check.ts';
import type { OptionsSchema } from '../core/plugin.ts';
import { decodeOptions, keysOf } from './decode.ts';
import { type Findings, usesOf } from './findings.ts';
import { tellIssues, type Where } from './issues.ts';
import { STANDARD_RULE, suggestion } from './names.ts';
import { checkFields, registryFields } from './schema.ts';
import {
  childOf,
  itemsOf,
  locate,
  type MapNode,
  type Node,
  type Path,
  plainValue,
  shownText,
  textOf,
} from './tree.ts';

export interface Uses {
  /** Undefined where something is wrong, in the order of the file. */
  readonly registries: readonly (Use | undefined)[];
  readonly probes: readonly (Use | undefined)[];
  readonly rules: ReadonlyMap<string, Use>;
}

interface Kind {
  readonly name: string;
  readonly options: OptionsSchema<unknown>;
}

/** The kind of the rule that is there without being written. */
const STANDARD_KIND = 'success-rate';

const CHECK_KEYS = Object.keys(checkFields.shape);
const REGISTRY_KEYS = Object.keys(registryFields.shape);

export function decodeKinds(root: Node, catalogue: Catalogue, findings: Findings): Uses {
  const decode = (path: Path, kinds: readonly Kind[], siblings: readonly string[]): Use | undefined => {
    const { node } = locate(root, path);
    if (node?.kind !== 'map') return undefined;
    return decodeUse(node, kinds, siblings, { findings, root, base: path, siblings, elsewhere: besideProbe });
  };
  const registries = itemsOf(childOf(root, 'registries')).map((_, index) =>
    decode(['registries', index], catalogue.registries, REGISTRY_KEYS),
  );
  const probes = itemsOf(childOf(root, 'checks')).map((_, index) =>
    decode(['checks', index, 'probe'], catalogue.probes, ['kind']),
  );
  const rulesNode = childOf(root, 'rules');
  const rules = new Map<string, Use>();
  for (const name of rulesNode?.kind === 'map' ? rulesNode.entries.keys() : []) {
    const use = decode(['rules', name], catalogue.rules, ['kind']);
    if (use !== undefined) rules.set(name, use);
  }
  if (childOf(rulesNode, STANDARD_RULE) === undefined) {
    const standard = standardRule(catalogue);
    if (standard !== undefined) rules.set(STANDARD_RULE, standard);
  }
  return { registries, probes, rules };
}

function standardRule({ rules }: Catalogue): Use | undefined {
  const plugin = rules.find(({ name }) => name === STANDARD_KIND);
  const decoded = plugin === undefined ? undefined : decodeOptions(plugin.options, {});
  return decoded?.ok === true ? { kind: STANDARD_KIND, options: decoded.value } : undefined;
}

/** A timeout under the probe is the commonest misplaced key. */
function besideProbe(path: Path, key: string): string | undefined {
  if (path.length !== 3 || path[2] !== 'probe' || !CHECK_KEYS.includes(key)) return undefined;
  return `\`${key}\` is a key of the check: write it beside \`probe\``;
}

/** `own` are the keys beside the options. */
function decodeUse(
  node: MapNode,
  kinds: readonly Kind[],
  own: readonly string[],
  where: Where,
): Use | undefined {
  const kindNode = childOf(node, 'kind');
  const kind = textOf(kindNode);
  // The shape of the file tells that it is missing or no text.
  if (kindNode === undefined || kind === undefined) return undefined;
  const plugin = kinds.find(({ name }) => name === kind);
  if (plugin === undefined) {
    const { aliases, merges } = locate(where.root, [...where.base, 'kind']);
    where.findings.add({
      code: 'SND1008',
      message: `unknown kind \`${shownText(kindNode)}\``,
      at: kindNode.span,
      notes: usesOf({ aliases, merges }),
      hint: suggestion(
        kindNode,
        kinds.map(({ name }) => name),
      ),
    });
    return undefined;
  }
  const options = [...node.entries].filter(([key]) => !own.includes(key));
  const given = Object.fromEntries(options.map(([key, entry]) => [key, plainValue(entry.value)]));
  const decoded = decodeOptions(plugin.options, given);
  if (decoded.ok) return { kind, options: decoded.value };
  tellIssues(decoded.issues, where);
  return undefined;
}

/** Says of an unknown key of a check when its probe has such an option. */
export function underProbe(root: Node, { probes }: Catalogue): NonNullable<Where['elsewhere']> {
  return (path, key) => {
    if (path.length !== 2 || path[0] !== 'checks') return undefined;
    const kind = textOf(locate(root, [...path, 'probe', 'kind']).node);
    const plugin = probes.find(({ name }) => name === kind);
    if (plugin === undefined || !keysOf(plugin.options).includes(key)) return undefined;
    return `\`${key}\` is an option of the probe: write it under \`probe\``;
  };
}
