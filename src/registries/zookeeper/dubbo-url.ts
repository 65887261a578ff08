/**
 * Dubbo's URLs as they stand in ZooKeeper: providers and rules are nodes whose *name* is a whole URL, encoded once more
 * (ZookeeperRegistry.toUrlPath). Pure.
 */

import type { Entry } from '../../core/instance.ts';
import { formatHostPort, parsePort } from '../../lib/host-port.ts';

/** Constants.DEFAULT_WEIGHT. */
const DEFAULT_WEIGHT = 100;

/** Which service of an interface it is; group and version are empty where there are none. */
export interface ServiceKey {
  readonly interface: string;
  readonly group: string;
  readonly version: string;
}

export interface DubboUrl extends ServiceKey {
  readonly protocol: string;
  readonly host: string;
  /** 0 where the URL has none. */
  readonly port: number;
  readonly parameters: Readonly<Record<string, string>>;
}

/** `group/interface:version`, Dubbo's own notation (URL.buildKey). */
export function formatServiceKey({ interface: name, group, version }: ServiceKey): string {
  return `${group === '' ? '' : `${group}/`}${name}${version === '' ? '' : `:${version}`}`;
}

export function parseServiceKey(text: string): ServiceKey {
  const [, group = '', name = text, version = ''] = /^(?:([^/]*)\/)?([^:]*)(?::(.*))?$/.exec(text) ?? [];
  return { interface: name, group, version };
}

/** Undefined where the name is not that of a URL with a host. */
export function parseUrl(nodeName: string): DubboUrl | undefined {
  const text = decode(nodeName);
  const [, protocol, bracketed, plain, portText, path = '', query = ''] =
    /^([\w+.-]+):\/\/(?:[^@/?]*@)?(?:\[([^\]]+)\]|([^:/?]+))(?::([0-9]+))?(?:\/([^?]*))?(?:\?(.*))?$/s.exec(
      text ?? '',
    ) ?? [];
  const host = bracketed ?? plain;
  const port = portText === undefined ? 0 : parsePort(portText);
  if (protocol === undefined || host === undefined || port === undefined) return undefined;
  const parameters = Object.fromEntries(
    query
      .split('&')
      .filter((pair) => pair.length > 0)
      .map((pair) => {
        const at = pair.indexOf('=');
        return at < 0 ? [pair, pair] : [pair.slice(0, at), pair.slice(at + 1)];
      }),
  );
  const { interface: name = path, group = '', version = '' } = parameters;
  return { protocol, host, port, interface: name, group, version, parameters };
}

/** As Java's URLDecoder reads it. */
function decode(name: string): string | undefined {
  try {
    return decodeURIComponent(name.replaceAll('+', '%20'));
  } catch {
    return undefined;
  }
}

export function weightOf({ parameters }: DubboUrl): number {
  const weight = Number(parameters.weight ?? DEFAULT_WEIGHT);
  return Number.isFinite(weight) && weight >= 0 ? weight : DEFAULT_WEIGHT;
}

/** Only where there is no `disabled` does `enabled` count (RegistryDirectory.toInvokers). */
export function isEnabled(parameters: Readonly<Record<string, string>>): boolean {
  return parameters.disabled === undefined ? parameters.enabled !== 'false' : parameters.disabled !== 'true';
}

/** Of a provider, what an entry has without incarnation and mark; undefined without a port. */
export function providerOf(
  url: DubboUrl,
): Pick<Entry, 'key' | 'host' | 'port' | 'metadata' | 'enabled' | 'weight'> | undefined {
  const { host, port, protocol, parameters } = url;
  if (port === 0) return undefined;
  return {
    key: formatHostPort(host, port),
    host,
    port,
    metadata: { ...parameters, protocol },
    enabled: isEnabled(parameters),
    weight: weightOf(url),
  };
}

/**
 * The name of a rule's node. `side=consumer` keeps providers from applying it to themselves, which would make them
 * register anew under another URL; `dynamic=false` says that it does not end with a session.
 */
export function ruleName(
  protocol: 'override' | 'absent',
  address: string,
  { interface: name, group, version }: ServiceKey,
  parameters: Readonly<Record<string, string>>,
): string {
  const query = {
    category: 'configurators',
    dynamic: 'false',
    enabled: 'true',
    side: 'consumer',
    ...(group === '' ? {} : { group }),
    ...(version === '' ? {} : { version }),
    ...parameters,
  };
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${value}`);
  return encodeURIComponent(`${protocol}://${address}/${name}?${pairs.join('&')}`);
}
