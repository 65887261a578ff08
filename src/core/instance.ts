/** Providers of services as registries tell them, and what a registry's listing is. */

import type { Mark } from './mark.ts';

declare const brand: unique symbol;

/** Opaque, URL-safe; the same for the same identity in every process. */
export type InstanceId = string & { readonly [brand]: 'InstanceId' };

export interface ServiceName {
  readonly namespace: string;
  readonly service: string;
}

/** One instance in the words of its registry, before sonde gives it an id. */
export interface Entry {
  /** The registry's own id, or host:port; unique within the service. */
  readonly key: string;
  /**
   * What distinguishes a new life at a reused key (createRevision, Pod UID, …); empty where the registry has none.
   * Part of the identity: another incarnation is another instance.
   */
  readonly incarnation: string;
  /** The registry's version of this entry for compare-and-swap; empty where the registry has none. */
  readonly revision: string;
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** False when provider or operator took it out of service themselves. */
  readonly enabled: boolean;
  /** True when it is on its way out; never counted as capacity. */
  readonly draining: boolean;
  readonly weight?: number;
  /** sonde's mark, if one is there. */
  readonly mark?: FoundMark;
  /** What consumers are told of it, in the registry's words, where that is not what stands there. */
  readonly served?: string;
}

/** A mark as found; `intact` is false when what it says is no longer what stands beside it (somebody's intent). */
export interface FoundMark extends Mark {
  readonly intact: boolean;
}

/** One provider of a service. Identity: registry, namespace, service, key and incarnation. */
export interface Instance extends Entry, ServiceName {
  readonly id: InstanceId;
  readonly registry: string;
}
