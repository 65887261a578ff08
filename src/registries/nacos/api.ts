/** What sonde asks of a Nacos, whichever of its APIs the server answers; `v1.ts` and `v3.ts` carry it out. */

import { z } from 'zod';

export const DEFAULT_GROUP = 'DEFAULT_GROUP';
export const DEFAULT_CLUSTER = 'DEFAULT';
export const PUBLIC = 'public';

export interface ServicePlace {
  /** Id of the namespace. */
  readonly namespace: string;
  readonly group: string;
  readonly service: string;
}

export interface ClusterPlace extends ServicePlace {
  readonly cluster: string;
}

/** An instance in the words of Nacos. */
export interface Host {
  readonly cluster: string;
  readonly ip: string;
  readonly port: number;
  /** As it stands: what the provider registered, or what was put over it since. */
  readonly weight: number;
  readonly enabled: boolean;
  readonly healthy: boolean;
  /** Undefined where the call does not say. */
  readonly ephemeral: boolean | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Listing extends ServicePlace {
  readonly hosts: readonly Host[];
}

/** A service in a listing without instances. */
export interface Glance extends ServicePlace {
  /** As `sizes` makes them. */
  readonly sizes: string;
}

/** Clusters, instances, healthy ones; as Nacos counts them. */
export function sizes(clusters: number, instances: number, healthy: number): string {
  return `${clusters}/${instances}/${healthy}`;
}

/** How Nacos itself checks the persistent instances of a cluster. */
export interface Checker {
  /** As Nacos has it: `type` and what belongs to it. */
  readonly healthChecker: Readonly<Record<string, unknown>>;
  readonly checkPort: number;
  readonly useInstancePort: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What came of a write of health: `checking` is that Nacos checks this cluster itself, `broken` that it never works. */
export type HealthAnswer = 'taken' | 'checking' | 'broken';

export interface Values {
  readonly weight: number;
  readonly enabled: boolean;
}

export interface NacosApi {
  readonly version: 'v1' | 'v3';
  namespaces(signal: AbortSignal): Promise<readonly string[]>;
  /** All services of the namespace with all their instances, or a `RegistryError`. */
  list(namespace: string, signal: AbortSignal): Promise<readonly Listing[]>;
  /** All services of the namespace, without their instances, or a `RegistryError`. */
  glance(namespace: string, signal: AbortSignal): Promise<readonly Glance[]>;
  /** One service with all its instances; undefined: there is no such service. */
  listOne(place: ServicePlace, signal: AbortSignal): Promise<Listing | undefined>;
  /** All instances of one cluster. */
  hosts(place: ClusterPlace, signal: AbortSignal): Promise<readonly Host[]>;
  /** What consumers are told of this cluster: protection included, disabled ones left out. */
  served(place: ClusterPlace, signal: AbortSignal): Promise<readonly Host[]>;
  /** Undefined: there is no such cluster. */
  checker(place: ClusterPlace, signal: AbortSignal): Promise<Checker | undefined>;
  setChecker(place: ClusterPlace, checker: Checker, signal: AbortSignal): Promise<void>;
  /** False: there is no such instance. Its metadata stay. */
  setValues(place: ServicePlace, host: Host, values: Values, signal: AbortSignal): Promise<boolean>;
  /** Puts a key over the metadata, undefined takes it away; all others stay. False: there is no such instance. */
  setMetadata(
    place: ServicePlace,
    host: Host,
    change: { readonly key: string; readonly value: string | undefined },
    signal: AbortSignal,
  ): Promise<boolean>;
  setHealth(
    place: ServicePlace,
    host: Host,
    healthy: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly answer: HealthAnswer; readonly said: string }>;
  /** A persistent instance is registered right now, past all caches; undefined where the server cannot say. */
  isRegistered(place: ServicePlace, host: Host, signal: AbortSignal): Promise<boolean | undefined>;
  /** Registers a persistent instance as told. */
  register(place: ServicePlace, host: Host, signal: AbortSignal): Promise<void>;
}

/** `GROUP@@service`. */
export function groupedName({ group, service }: Pick<ServicePlace, 'group' | 'service'>): string {
  return `${group}@@${service}`;
}

export function isSameHost(a: Pick<Host, 'ip' | 'port'>, b: Pick<Host, 'ip' | 'port'>): boolean {
  return a.ip === b.ip && a.port === b.port;
}

/** Why a write of health was refused, by the words of `HealthOperatorV2Impl` and `ClientOperationServiceProxy`. */
export function healthAnswerOf(said: string): HealthAnswer | undefined {
  if (/health check is still working/i.test(said)) return 'checking';
  if (/can'?t register ephemeral instance/i.test(said)) return 'broken';
  return undefined;
}

/** What of a health answer is no refusal of ours: the API does not exist there. */
export function isAbsent(status: number): boolean {
  return status === 404 || status === 405 || status === 410 || status === 501;
}

const texts = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .nullish()
  .transform((given) =>
    Object.fromEntries(Object.entries(given ?? {}).map(([key, value]) => [key, String(value ?? '')])),
  );

/** `valid` is what the catalog of Nacos 1 and 2 calls the health. */
export const hostSchema = z
  .object({
    ip: z.string().min(1),
    port: z.number().int(),
    weight: z.number(),
    enabled: z.boolean(),
    healthy: z.boolean().optional(),
    valid: z.boolean().optional(),
    ephemeral: z.boolean().optional(),
    clusterName: z.string().nullish(),
    metadata: texts,
  })
  .refine(({ healthy, valid }) => healthy !== undefined || valid !== undefined)
  .transform(
    ({ ip, port, weight, enabled, healthy, valid, ephemeral, clusterName, metadata }): Host => ({
      cluster: clusterName ?? DEFAULT_CLUSTER,
      ip,
      port,
      weight,
      enabled,
      healthy: healthy ?? valid ?? false,
      ephemeral,
      metadata,
    }),
  );

/** A service in a listing with instances, of both APIs. */
export const listedSchema = z
  .object({
    serviceName: z.string().min(1),
    groupName: z.string().min(1),
    clusterMap: z
      .record(z.string(), z.object({ hosts: z.array(hostSchema).nullish() }))
      .nullish()
      .transform((given) => given ?? {}),
  })
  .transform(({ serviceName, groupName, clusterMap }) => ({
    service: serviceName,
    group: groupName,
    hosts: Object.entries(clusterMap).flatMap(([cluster, { hosts }]) =>
      (hosts ?? []).map((host): Host => ({ ...host, cluster })),
    ),
  }));

/** A service in a listing without instances, of both APIs. */
export const glanceSchema = z
  .object({
    name: z.string().min(1),
    groupName: z.string().min(1),
    clusterCount: z.number(),
    ipCount: z.number(),
    healthyInstanceCount: z.number(),
  })
  .transform(({ name, groupName, clusterCount, ipCount, healthyInstanceCount }) => ({
    service: name,
    group: groupName,
    sizes: sizes(clusterCount, ipCount, healthyInstanceCount),
  }));

/** Parameters that narrow a listing down to names like these; they are regular expressions there, not anchored. */
export function namedLike({ group, service }: ServicePlace) {
  // Any character stands for those that may have a meaning: an escape would be refused as part of a name.
  const like = (text: string): string => text.replace(/[^A-Za-z0-9_:-]/gu, '.');
  return { groupNameParam: like(group), serviceNameParam: like(service) };
}

export const checkerFields = { healthChecker: z.record(z.string(), z.unknown()), metadata: texts };

/** Form fields that name an instance. */
export function hostParams(host: Host): Readonly<Record<string, string | number | boolean>> {
  return {
    ip: host.ip,
    port: host.port,
    clusterName: host.cluster,
    // Of an instance whose kind is not known nothing is said.
    ...(host.ephemeral === undefined ? {} : { ephemeral: host.ephemeral }),
  };
}

/** Form fields that change a key of the metadata of one instance. */
export function batchParams(
  host: Host,
  { key, value }: { readonly key: string; readonly value: string | undefined },
): Readonly<Record<string, string>> {
  return {
    metadata: JSON.stringify({ [key]: value ?? '' }),
    consistencyType: host.ephemeral === false ? 'persist' : 'ephemeral',
    instances: JSON.stringify([{ ip: host.ip, port: host.port, clusterName: host.cluster }]),
  };
}

/** Form fields of a registration. */
export function registerParams(host: Host): Readonly<Record<string, string | number | boolean>> {
  const { weight, enabled, healthy, metadata } = host;
  return { ...hostParams(host), weight, enabled, healthy, metadata: JSON.stringify(metadata) };
}

/** Form fields of a cluster. */
export function checkerParams({ healthChecker, checkPort, useInstancePort, metadata }: Checker) {
  return {
    checkPort,
    useInstancePort4Check: useInstancePort,
    healthChecker: JSON.stringify(healthChecker),
    metadata: JSON.stringify(metadata),
  };
}
