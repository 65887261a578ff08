/** Whether the rules that a mark speaks of stand, and what others have ruled about the same provider. Pure. */

import { formatHostPort } from '../../lib/host-port.ts';
import { type DubboUrl, parseUrl, type ServiceKey } from './dubbo-url.ts';
import type { Documents } from './layout.ts';
import { type MarkNode, NO_RULES } from './mark-node.ts';
import { foreignItems, hasItem } from './rule-document.ts';

/** Rules as URLs, by the path of their node. */
export type RuleUrls = ReadonlyMap<string, DubboUrl>;

export function ruleUrls(folder: string, names: Iterable<string>): RuleUrls {
  const urls = new Map<string, DubboUrl>();
  for (const name of names) {
    const url = parseUrl(name);
    if (url !== undefined) urls.set(`${folder}/${name}`, url);
  }
  return urls;
}

export interface Standing {
  /** All that the mark speaks of. */
  readonly stands: boolean;
  /** Parameters of others' rules for this very provider that say whether and how much it is used. */
  readonly foreign: readonly Readonly<Record<string, string>>[];
  /** Paths of those that are URLs. */
  readonly foreignUrls: readonly string[];
}

/** `services`: what its consumers know the provider's service by. */
export function standingOf(
  address: string,
  services: readonly ServiceKey[],
  node: MarkNode | undefined,
  urls: RuleUrls,
  documents: Documents,
): Standing {
  const { rules } = node ?? { rules: NO_RULES };
  const stands =
    rules.urls.every((path) => urls.has(path)) &&
    rules.items.every((item) => {
      const document = documents.get(item.document);
      return document !== undefined && hasItem(document, item);
    });
  const others = [...urls].filter(
    ([path, url]) =>
      !rules.urls.includes(path) &&
      url.protocol === 'override' &&
      formatHostPort(url.host, url.port) === address &&
      url.parameters.enabled !== 'false' &&
      services.some((service) => isAbout(url, service)) &&
      ('disabled' in url.parameters || 'weight' in url.parameters),
  );
  const inDocuments = [...documents].flatMap(([path, document]) =>
    document === undefined
      ? []
      : foreignItems(
          document,
          address,
          rules.items.filter((item) => item.document === path),
        ),
  );
  return {
    stands,
    foreign: [...others.map(([, { parameters }]) => parameters), ...inDocuments],
    foreignUrls: others.map(([path]) => path),
  };
}

/** As AbstractConfigurator compares service keys. */
function isAbout(rule: ServiceKey, service: ServiceKey): boolean {
  if (rule.interface === '*') return true;
  return (
    rule.interface === service.interface && rule.group === service.group && rule.version === service.version
  );
}
