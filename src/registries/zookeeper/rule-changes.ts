/** What changes in ZooKeeper when rules for providers of one service come and go. Pure. */

import { parseUrl, ruleName, type ServiceKey } from './dubbo-url.ts';
import { join, nameOf } from './level.ts';
import type { Rules } from './mark-node.ts';
import type { Acl, Change } from './protocol.ts';
import { documentName, type Edit, editDocument, type RuleDocument } from './rule-document.ts';
import type { RuleUrls } from './standing.ts';

export interface StoredDocument {
  readonly version: number;
  readonly text: string;
  /** Undefined where it has another form. */
  readonly read: RuleDocument | undefined;
}

/** The rules of a service as they stand there. */
export interface Ruled {
  /** What consumers know it by. */
  readonly services: readonly ServiceKey[];
  /** Of override URLs, where such are made. */
  readonly folder: string | undefined;
  readonly urls: RuleUrls;
  readonly documents: ReadonlyMap<string, StoredDocument | undefined>;
}

export interface RuleEdit {
  readonly remove: Rules;
  readonly add: Rules;
  /** Others' rules that stand in the way and are to go, by force. */
  readonly overruled: { readonly urls: readonly string[]; readonly providers: readonly string[] };
}

export const NOTHING: RuleEdit['overruled'] = { urls: [], providers: [] };

export function ruleChanges(edits: readonly RuleEdit[], ruled: Ruled, acl: Acl): readonly Change[] {
  return [...urlChanges(edits, ruled, acl), ...documentChanges(edits, ruled, acl)];
}

function urlChanges(
  edits: readonly RuleEdit[],
  { folder, urls, services }: Ruled,
  acl: Acl,
): readonly Change[] {
  if (folder === undefined) return [];
  const now = new Set(urls.keys());
  const then = new Set(now);
  for (const { remove, overruled } of edits)
    for (const path of [...remove.urls, ...overruled.urls]) then.delete(path);
  for (const { add } of edits) for (const path of add.urls) then.add(path);
  for (const key of services) {
    // Dubbo 3 looks at the first provider only: where that has no weight in its URL, nobody's counts
    // (AbstractLoadBalance.needWeightLoadBalance; tried with 3.3.5). So all get one while one has.
    const base = join(folder, ruleName('absent', '0.0.0.0', key, { weight: '100' }));
    if ([...then].some((path) => isWeightRule(path, key))) then.add(base);
    else then.delete(base);
  }
  return [
    ...[...now]
      .filter((path) => !then.has(path))
      .map((path) => ({ kind: 'delete', path, version: -1 }) as const),
    ...[...then]
      .filter((path) => !now.has(path))
      .map((path) => ({ kind: 'create', path, data: '', acl }) as const),
  ];
}

function isWeightRule(path: string, key: ServiceKey): boolean {
  const url = parseUrl(nameOf(path));
  return (
    url?.protocol === 'override' &&
    url.port > 0 &&
    'weight' in url.parameters &&
    url.interface === key.interface &&
    url.group === key.group &&
    url.version === key.version
  );
}

function documentChanges(
  edits: readonly RuleEdit[],
  { documents, services }: Ruled,
  acl: Acl,
): readonly Change[] {
  const touched = new Set(
    edits.flatMap(({ remove, add }) => [...remove.items, ...add.items].map(({ document }) => document)),
  );
  return [...touched].flatMap((path): readonly Change[] => {
    const found = documents.get(path);
    // Somebody put there what is no such document: it is theirs.
    if (found !== undefined && found.read === undefined) return [];
    const service = services.find((key) => path.endsWith(`/${documentName(key)}`));
    const here = (rules: Rules) => rules.items.filter(({ document }) => document === path);
    const parts = edits.map(
      ({ remove, add, overruled }): Edit => ({
        remove: here(remove),
        add: here(add),
        overruled: overruled.providers,
      }),
    );
    const text = editDocument(found?.text, service, parts);
    if (text === found?.text) return [];
    if (found === undefined) return text === undefined ? [] : [{ kind: 'create', path, data: text, acl }];
    return text === undefined
      ? [{ kind: 'delete', path, version: found.version }]
      : [{ kind: 'set', path, data: text, version: found.version }];
  });
}
