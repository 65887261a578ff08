/** Selectors as people write them: `SERVICE`, `NAMESPACE/SERVICE`, `REGISTRY/NAMESPACE/SERVICE` (globs), host:port or an id. Pure. */

import type { Selector } from '../core/intervention.ts';
import { globMatches } from '../lib/glob.ts';
import { formatHostPort, parsePort } from '../lib/host-port.ts';

/** What a selector can be held against. */
export interface Selectable {
  readonly id: string;
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly host: string;
  readonly port: number;
}

/** 16 hex digits: what `instanceIdentity` makes. */
const ID = /^[0-9a-f]{16}$/;

/** Undefined where the text is no selector. */
export function parseSelector(text: string): Selector | undefined {
  if (isInstance(text)) return { instance: text };
  const names = text.split('/');
  if (names.length > 3 || names.some((name) => name === '')) return undefined;
  const [service, namespace, registry] = names.toReversed();
  return Object.fromEntries(
    Object.entries({ registry, namespace, service }).filter(([, value]) => value !== undefined),
  );
}

/** Whether the text names one instance, by its id or host:port. */
function isInstance(text: string): boolean {
  const [, port] = /^[^/]+:([0-9]+)$/.exec(text) ?? [];
  return ID.test(text) || (port !== undefined && parsePort(port) !== undefined);
}

/** As `parseSelector` reads it. */
export function formatSelector({ registry, namespace, service, instance }: Selector): string {
  if (instance !== undefined) return instance;
  if (registry !== undefined) return [registry, namespace ?? '*', service ?? '*'].join('/');
  return namespace === undefined ? (service ?? '*') : `${namespace}/${service ?? '*'}`;
}

export function selects(selector: Selector, one: Selectable): boolean {
  const { registry = '*', namespace = '*', service = '*', instance } = selector;
  if (instance !== undefined && instance !== one.id && instance !== formatHostPort(one.host, one.port))
    return false;
  return (
    globMatches(registry, one.registry) &&
    globMatches(namespace, one.namespace) &&
    globMatches(service, one.service)
  );
}

/** Whether everything that `narrow` selects is selected by `wide`, as far as the words tell. */
export function covers(wide: Selector, narrow: Selector): boolean {
  return (['registry', 'namespace', 'service', 'instance'] as const).every((key) => {
    const pattern = wide[key];
    if (pattern === undefined) return true;
    const text = narrow[key];
    return text !== undefined && (key === 'instance' ? pattern === text : globMatches(pattern, text));
  });
}
