/** The one order of instances and services, in which lists are told and paged. */

export interface ServicePlace {
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
}

export interface InstancePlace extends ServicePlace {
  readonly host: string;
  readonly port: number;
  readonly id: string;
}

/** By code units, the same in every process and locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareServices(a: ServicePlace, b: ServicePlace): number {
  return (
    compareText(a.registry, b.registry) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.service, b.service)
  );
}

export function compareInstances(a: InstancePlace, b: InstancePlace): number {
  return compareServices(a, b) || compareText(a.host, b.host) || a.port - b.port || compareText(a.id, b.id);
}

/** How many members at the start of a list are `early`; after the first that is not, none may be. */
export function countEarly<T>(list: readonly T[], early: (member: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (early(list[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
