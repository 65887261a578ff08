/** How services and instances of Nacos are called in sonde, and back. */

import type { ServiceName } from '../../core/instance.ts';
import { DEFAULT_CLUSTER, DEFAULT_GROUP, type Host, type ServicePlace } from './api.ts';
import type { NacosOptions } from './options.ts';

const SEPARATOR = '@@';

/** `web` in the default group, `GROUP@@web` in others, as Nacos writes it. */
export function serviceNameOf(place: ServicePlace, namespaces: NacosOptions['namespaces']): ServiceName {
  const { namespace, group, service } = place;
  return {
    namespace: namespaces.find(({ id }) => id === namespace)?.name ?? namespace,
    service: group === DEFAULT_GROUP ? service : group + SEPARATOR + service,
  };
}

export function placeOf(name: ServiceName, namespaces: NacosOptions['namespaces']): ServicePlace {
  const namespace = namespaces.find((one) => one.name === name.namespace)?.id ?? name.namespace;
  const at = name.service.indexOf(SEPARATOR);
  if (at < 0) return { namespace, group: DEFAULT_GROUP, service: name.service };
  return { namespace, group: name.service.slice(0, at), service: name.service.slice(at + SEPARATOR.length) };
}

/** `ip:port` in the default cluster, `CLUSTER/ip:port` in others: an address may be in several. */
export function keyOf({ cluster, ip, port }: Pick<Host, 'cluster' | 'ip' | 'port'>): string {
  return cluster === DEFAULT_CLUSTER ? `${ip}:${port}` : `${cluster}/${ip}:${port}`;
}

export function clusterOf(key: string): string {
  const at = key.lastIndexOf('/');
  return at < 0 ? DEFAULT_CLUSTER : key.slice(0, at);
}

/** Namespaces are listed under `*`, the public one under its id as well. */
export function isEverything(namespaces: NacosOptions['namespaces']): boolean {
  return namespaces.some(({ id }) => id === '*');
}
