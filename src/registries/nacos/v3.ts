/** The admin API of Nacos 3. */

import { z } from 'zod';
import { RegistryError } from '../../core/registry.ts';
import {
  batchParams,
  type Checker,
  type ClusterPlace,
  checkerFields,
  checkerParams,
  type Glance,
  glanceSchema,
  groupedName,
  type Host,
  healthAnswerOf,
  hostParams,
  hostSchema,
  isAbsent,
  type Listing,
  listedSchema,
  type NacosApi,
  namedLike,
  registerParams,
  type ServicePlace,
  type Values,
} from './api.ts';
import type { Answer, Call } from './connections.ts';
import { readPages } from './pages.ts';
import { parseJson, type Session } from './session.ts';

/** Services a page. */
const PAGE = 200;
/** The same without instances. */
const SHORT_PAGE = 2_000;

const wrapper = z.object({ code: z.literal(0), data: z.unknown() });
const hosts = z.array(hostSchema);
const listed = z.object({ totalCount: z.number(), pageItems: z.array(listedSchema) });
const glances = z.object({ totalCount: z.number(), pageItems: z.array(glanceSchema) });
const namespaces = z.array(z.object({ namespace: z.string() }));
const updated = z.object({ updated: z.array(z.unknown()).default([]) });
const published = z.array(
  z.object({
    groupName: z.string(),
    serviceName: z.string(),
    publisherInfo: z.object({ clusterName: z.string().nullish() }).nullish(),
  }),
);
const detail = z.object({
  clusterMap: z.record(
    z.string(),
    z.object({ ...checkerFields, healthyCheckPort: z.number(), useInstancePortForCheck: z.boolean() }),
  ),
});

export class NacosV3 implements NacosApi {
  readonly version = 'v3';
  readonly #session: Session;
  readonly #name: string;

  /** `name`: of the registry. */
  constructor(session: Session, name: string) {
    this.#session = session;
    this.#name = name;
  }

  async namespaces(signal: AbortSignal): Promise<readonly string[]> {
    const call: Call = { method: 'GET', path: '/v3/admin/core/namespace/list', params: {} };
    return (await this.#data(call, namespaces, signal)).map(({ namespace }) => namespace);
  }

  list(namespace: string, signal: AbortSignal): Promise<readonly Listing[]> {
    return this.#services({ namespaceId: namespace, withInstances: true }, PAGE, listed, signal);
  }

  glance(namespace: string, signal: AbortSignal): Promise<readonly Glance[]> {
    return this.#services({ namespaceId: namespace, withInstances: false }, SHORT_PAGE, glances, signal);
  }

  async listOne(place: ServicePlace, signal: AbortSignal): Promise<Listing | undefined> {
    const params = { namespaceId: place.namespace, withInstances: true, ...namedLike(place) };
    const found = await this.#services(params, PAGE, listed, signal);
    return found.find((one) => groupedName(one) === groupedName(place));
  }

  /** All pages of a listing of services. */
  #services<T extends { readonly group: string; readonly service: string }>(
    filter: Readonly<Record<string, string | boolean>> & { readonly namespaceId: string },
    size: number,
    schema: z.ZodType<{ readonly totalCount: number; readonly pageItems: readonly T[] }>,
    signal: AbortSignal,
  ): Promise<readonly (T & { readonly namespace: string })[]> {
    const path = '/v3/admin/ns/service/list';
    return readPages<T & { readonly namespace: string }>({
      first: 1,
      size,
      read: async (pageNo) => {
        const params = { ...filter, ignoreEmptyService: false, pageNo, pageSize: size };
        const { pageItems, totalCount } = await this.#data({ method: 'GET', path, params }, schema, signal);
        return {
          items: pageItems.map((item) => ({ ...item, namespace: filter.namespaceId })),
          total: totalCount,
        };
      },
      count: () => Promise.resolve(0),
      keyOf: groupedName,
      what: `registry ${this.#name}: ${path}`,
    });
  }

  async hosts(place: ClusterPlace, signal: AbortSignal): Promise<readonly Host[]> {
    const call: Call = { method: 'GET', path: '/v3/admin/ns/instance/list', params: clusterParams(place) };
    const answer = await this.#session.ask(call, signal);
    // A service or cluster without instances is unknown to this call.
    if (answer.status === 404 && /is not found/.test(answer.text)) return [];
    return this.#decode(call, answer, hosts);
  }

  async served(place: ClusterPlace, signal: AbortSignal): Promise<readonly Host[]> {
    const call: Call = { method: 'GET', path: '/v3/client/ns/instance/list', params: clusterParams(place) };
    return this.#data(call, hosts, signal);
  }

  async checker(place: ClusterPlace, signal: AbortSignal): Promise<Checker | undefined> {
    const call: Call = { method: 'GET', path: '/v3/admin/ns/service', params: serviceParams(place) };
    const answer = await this.#session.ask(call, signal);
    if (answer.status !== 200 && /service not found|not exist/.test(answer.text)) return undefined;
    const found = this.#decode(call, answer, detail).clusterMap[place.cluster];
    if (found === undefined) return undefined;
    const { healthChecker, metadata, healthyCheckPort, useInstancePortForCheck } = found;
    return { healthChecker, metadata, checkPort: healthyCheckPort, useInstancePort: useInstancePortForCheck };
  }

  async setChecker(place: ClusterPlace, checker: Checker, signal: AbortSignal): Promise<void> {
    const params = { ...clusterParams(place), ...checkerParams(checker) };
    await this.#data({ method: 'PUT', path: '/v3/admin/ns/cluster', params }, z.unknown(), signal);
  }

  async setValues(place: ServicePlace, host: Host, values: Values, signal: AbortSignal): Promise<boolean> {
    // What is not given here becomes 1.0 and true (InstanceForm.validate of 3.0.3): both are always given.
    const { weight, enabled } = values;
    const params = { ...serviceParams(place), ...hostParams(host), weight, enabled };
    const call: Call = { method: 'PUT', path: '/v3/admin/ns/instance/partial', params };
    const answer = await this.#session.ask(call, signal);
    if (answer.status === 404 && /no (ips|matched ip) found/.test(answer.text)) return false;
    this.#decode(call, answer, z.unknown());
    return true;
  }

  async setMetadata(
    place: ServicePlace,
    host: Host,
    change: { readonly key: string; readonly value: string | undefined },
    signal: AbortSignal,
  ): Promise<boolean> {
    const params = { ...serviceParams(place), ...batchParams(host, change) };
    const method = change.value === undefined ? 'DELETE' : 'PUT';
    const call: Call = { method, path: '/v3/admin/ns/instance/metadata/batch', params };
    return (await this.#data(call, updated, signal)).updated.length > 0;
  }

  async setHealth(place: ServicePlace, host: Host, healthy: boolean, signal: AbortSignal) {
    const params = { ...serviceParams(place), ...hostParams(host), healthy };
    const call: Call = { method: 'PUT', path: '/v3/admin/ns/health/instance', params };
    const answer = await this.#session.ask(call, signal);
    const said = isAbsent(answer.status) ? 'broken' : healthAnswerOf(answer.text);
    if (answer.status !== 200 && said !== undefined) return { answer: said, said: answer.text };
    this.#decode(call, answer, z.unknown());
    return { answer: 'taken', said: '' } as const;
  }

  async isRegistered(place: ServicePlace, host: Host, signal: AbortSignal): Promise<boolean | undefined> {
    const path = '/v3/admin/ns/client/publish/list';
    const call: Call = { method: 'GET', path, params: { clientId: `${host.ip}:${host.port}#false` } };
    const answer = await this.#session.ask(call, signal);
    if (answer.status === 404) return false;
    return this.#decode(call, answer, published).some(
      ({ groupName, serviceName, publisherInfo }) =>
        groupName === place.group &&
        serviceName === place.service &&
        (publisherInfo?.clusterName ?? host.cluster) === host.cluster,
    );
  }

  async register(place: ServicePlace, host: Host, signal: AbortSignal): Promise<void> {
    const params = { ...serviceParams(place), ...registerParams({ ...host, ephemeral: false }) };
    await this.#data({ method: 'POST', path: '/v3/admin/ns/instance', params }, z.unknown(), signal);
  }

  async #data<T extends z.ZodType>(call: Call, schema: T, signal: AbortSignal): Promise<z.output<T>> {
    return this.#decode(call, await this.#session.ask(call, signal), schema);
  }

  #decode<T extends z.ZodType>(call: Call, answer: Answer, schema: T): z.output<T> {
    if (answer.status !== 200) throw this.#session.refusal(call, answer);
    const wrapped = wrapper.safeParse(parseJson(answer.text));
    const decoded = wrapped.success ? schema.safeParse(wrapped.data.data) : wrapped;
    if (wrapped.success && decoded.success) return decoded.data as z.output<T>;
    const message = `registry ${this.#name}: ${call.path}: an answer that Nacos 3 does not give`;
    throw new RegistryError('protocol', message, { cause: decoded.error });
  }
}

function serviceParams({ namespace, group, service }: ServicePlace) {
  return { namespaceId: namespace, groupName: group, serviceName: service };
}

function clusterParams(place: ClusterPlace) {
  return { ...serviceParams(place), clusterName: place.cluster };
}
