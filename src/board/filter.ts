/** What of a list is wanted. */

import type { Health } from '../core/health.ts';
import type { ServiceView } from '../core/list-view.ts';
import type { CheckView, InstanceView } from '../core/view.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { InstancePlace, ServicePlace } from './place.ts';

/** Absent keys let everything pass; of a list one must be equal. */
export interface Filter {
  readonly registry?: readonly string[];
  readonly namespace?: readonly string[];
  readonly service?: readonly string[];
  readonly health?: readonly Health[];
  /** Part of namespace/service, host:port or id, in any case. */
  readonly q?: string;
}

export interface InstanceFilter extends Filter {
  /** Only instances whose shadow rule judges other than the rule in force. */
  readonly disagree?: boolean;
}

export function wantsService(filter: Filter, place: Partial<ServicePlace>): boolean {
  return (
    has(filter.registry, place.registry) &&
    has(filter.namespace, place.namespace) &&
    has(filter.service, place.service)
  );
}

/** Everything but the service's own names, which are looked at once per service. */
export function wantsInstance(filter: Filter, place: InstancePlace, health: Health): boolean {
  if (filter.health !== undefined && !filter.health.includes(health)) return false;
  if (filter.q === undefined) return true;
  const { namespace, service, host, port, id } = place;
  return contains(filter.q, `${namespace}/${service}`, formatHostPort(host, port), id);
}

/** Of an instance as it is shown. */
export function wantsInstanceView(filter: InstanceFilter, view: InstanceView): boolean {
  const disagrees = ({ health, shadow }: CheckView): boolean =>
    shadow !== undefined && shadow !== null && shadow.health !== health;
  return (
    wantsService(filter, view) &&
    wantsInstance(filter, view, view.health) &&
    (filter.disagree !== true || view.checks.some(disagrees))
  );
}

/** Of a service as it is shown. */
export function wantsServiceView(filter: Filter, view: ServiceView): boolean {
  const { namespace, service, instances } = view;
  return (
    wantsService(filter, view) &&
    (filter.health === undefined || filter.health.some((health) => instances[health] > 0)) &&
    (filter.q === undefined || contains(filter.q, `${namespace}/${service}`))
  );
}

export function contains(part: string, ...texts: readonly (string | undefined)[]): boolean {
  const wanted = part.toLowerCase();
  return texts.some((text) => text?.toLowerCase().includes(wanted));
}

function has(wanted: readonly string[] | undefined, value: string | undefined): boolean {
  return wanted === undefined || (value !== undefined && wanted.includes(value));
}
