/** The v1 API, which Nacos 1 and 2 answer (and Nacos 3 no longer does). */

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
  PUBLIC,
  registerParams,
  type ServicePlace,
  type Values,
} from './api.ts';
import type { Answer, Call } from './connections.ts';
import { readPages } from './pages.ts';
import { parseJson, type Session } from './session.ts';

const CATALOG = '/v1/ns/catalog/services';
/** Services a page. */
const PAGE = 200;
/** The same without instances. */
const SHORT_PAGE = 2_000;
/** Instances of a cluster, all on one page: this call pages before it filters. */
const ALL = 100_000;

const services = z.array(listedSchema);
const counted = z.object({ count: z.number() });
const glances = z.object({ count: z.number(), serviceList: z.array(glanceSchema) });
const list = z.object({ list: z.array(hostSchema) });
const served = z.object({ hosts: z.array(hostSchema) });
const namespaces = z.object({ data: z.array(z.object({ namespace: z.string() })) });
const updated = z.object({ updated: z.array(z.unknown()).default([]) });
const published = z.object({
  data: z.array(
    z.object({
      group: z.string(),
      serviceName: z.string(),
      registeredInstance: z.object({ cluster: z.string().nullish() }).nullish(),
    }),
  ),
});
const detail = z.object({
  clusters: z.array(
    z.object({
      ...checkerFields,
      name: z.string(),
      defaultCheckPort: z.number(),
      useIPPort4Check: z.boolean(),
    }),
  ),
});

export class NacosV1 implements NacosApi {
  readonly version = 'v1';
  readonly #session: Session;
  readonly #name: string;

  /** `name`: of the registry. */
  constructor(session: Session, name: string) {
    this.#session = session;
    this.#name = name;
  }

  async namespaces(signal: AbortSignal): Promise<readonly string[]> {
    const call: Call = { method: 'GET', path: '/v1/console/namespaces', params: {} };
    // The one that is there from the beginning has no id in this listing.
    return (await this.#data(call, namespaces, signal)).data.map(({ namespace }) => namespace || PUBLIC);
  }

  list(namespaceId: string, signal: AbortSignal): Promise<readonly Listing[]> {
    return this.#listings({ namespaceId }, signal);
  }

  glance(namespaceId: string, signal: AbortSignal): Promise<readonly Glance[]> {
    return readPages<Glance>({
      first: 1,
      size: SHORT_PAGE,
      read: async (pageNo) => {
        const params = { namespaceId, hasIpCount: false, pageNo, pageSize: SHORT_PAGE };
        const { serviceList, count } = await this.#data(
          { method: 'GET', path: CATALOG, params },
          glances,
          signal,
        );
        return { items: serviceList.map((item) => ({ ...item, namespace: namespaceId })), total: count };
      },
      count: () => Promise.resolve(0),
      keyOf: groupedName,
      what: `registry ${this.#name}: ${CATALOG}`,
    });
  }

  async listOne(place: ServicePlace, signal: AbortSignal): Promise<Listing | undefined> {
    const found = await this.#listings({ namespaceId: place.namespace, ...namedLike(place) }, signal);
    return found.find((one) => groupedName(one) === groupedName(place));
  }

  /** All pages of services with their instances. */
  #listings(
    filter: Readonly<Record<string, string>> & { readonly namespaceId: string },
    signal: AbortSignal,
  ): Promise<readonly Listing[]> {
    const params = { ...filter, hasIpCount: false };
    return readPages<Listing>({
      first: 0,
      size: PAGE,
      read: async (pageNo) => {
        const paged = { ...params, withInstances: true, pageNo, pageSize: PAGE };
        const items = await this.#data({ method: 'GET', path: CATALOG, params: paged }, services, signal);
        return { items: items.map((item) => ({ ...item, namespace: filter.namespaceId })), total: undefined };
      },
      count: async () => {
        const one = { ...params, pageNo: 1, pageSize: 1 };
        return (await this.#data({ method: 'GET', path: CATALOG, params: one }, counted, signal)).count;
      },
      keyOf: groupedName,
      what: `registry ${this.#name}: ${CATALOG}`,
    });
  }

  async hosts(place: ClusterPlace, signal: AbortSignal): Promise<readonly Host[]> {
    const params = { ...serviceParams(place), clusterName: place.cluster, pageNo: 1, pageSize: ALL };
    const call: Call = { method: 'GET', path: '/v1/ns/catalog/instances', params };
    const answer = await this.#session.ask(call, signal);
    // A service or cluster without instances is unknown to this call.
    if (answer.status === 404 && /is not found/.test(answer.text)) return [];
    return this.#decode(call, answer, list).list;
  }

  async served(place: ClusterPlace, signal: AbortSignal): Promise<readonly Host[]> {
    const params = { ...serviceParams(place), clusters: place.cluster, healthyOnly: false };
    return (await this.#data({ method: 'GET', path: '/v1/ns/instance/list', params }, served, signal)).hosts;
  }

  async checker(place: ClusterPlace, signal: AbortSignal): Promise<Checker | undefined> {
    const call: Call = { method: 'GET', path: '/v1/ns/catalog/service', params: serviceParams(place) };
    const answer = await this.#session.ask(call, signal);
    if (answer.status === 404 && /is not found/.test(answer.text)) return undefined;
    const found = this.#decode(call, answer, detail).clusters.find(({ name }) => name === place.cluster);
    if (found === undefined) return undefined;
    const { healthChecker, metadata, defaultCheckPort, useIPPort4Check } = found;
    return { healthChecker, metadata, checkPort: defaultCheckPort, useInstancePort: useIPPort4Check };
  }

  async setChecker(place: ClusterPlace, checker: Checker, signal: AbortSignal): Promise<void> {
    const params = { ...serviceParams(place), clusterName: place.cluster, ...checkerParams(checker) };
    await this.#ok({ method: 'PUT', path: '/v1/ns/cluster', params }, signal);
  }

  async setValues(place: ServicePlace, host: Host, values: Values, signal: AbortSignal): Promise<boolean> {
    const { weight, enabled } = values;
    // Here a partial change is one: what nobody wants changed is not said, but for what would become 1 or true by default.
    const params = {
      ...serviceParams(place),
      ...hostParams(host),
      ...(weight === host.weight && weight === 1 ? {} : { weight }),
      ...(enabled === host.enabled && enabled ? {} : { enabled }),
    };
    const call: Call = { method: 'PATCH', path: '/v1/ns/instance', params };
    const answer = await this.#session.ask(call, signal);
    if (answer.status === 404 && /no (ips|matched ip) found|not found/.test(answer.text)) return false;
    if (answer.status !== 200) throw this.#session.refusal(call, answer);
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
    const call: Call = { method, path: '/v1/ns/instance/metadata/batch', params };
    return (await this.#data(call, updated, signal)).updated.length > 0;
  }

  async setHealth(place: ServicePlace, host: Host, healthy: boolean, signal: AbortSignal) {
    const params = { ...serviceParams(place), ...hostParams(host), healthy };
    const call: Call = { method: 'PUT', path: '/v1/ns/health/instance', params };
    const answer = await this.#session.ask(call, signal);
    const said = isAbsent(answer.status) ? 'broken' : healthAnswerOf(answer.text);
    if (answer.status !== 200 && said !== undefined) return { answer: said, said: answer.text };
    if (answer.status !== 200) throw this.#session.refusal(call, answer);
    return { answer: 'taken', said: '' } as const;
  }

  async isRegistered(place: ServicePlace, host: Host, signal: AbortSignal): Promise<boolean | undefined> {
    // The one call of the v2 API that is needed; Nacos 1 and 2.0 do not have it.
    const path = '/v2/ns/client/publish/list';
    const call: Call = { method: 'GET', path, params: { clientId: `${host.ip}:${host.port}#false` } };
    const answer = await this.#session.ask(call, signal);
    // Of a client that does not exist it says so with a status of 404 and a code.
    if (answer.status === 404 && /clientId .* not exist|resource not found/i.test(answer.text)) return false;
    if (isAbsent(answer.status)) return undefined;
    return this.#decode(call, answer, published).data.some(
      ({ group, serviceName, registeredInstance }) =>
        group === place.group &&
        serviceName === place.service &&
        (registeredInstance?.cluster ?? host.cluster) === host.cluster,
    );
  }

  async register(place: ServicePlace, host: Host, signal: AbortSignal): Promise<void> {
    const params = { ...serviceParams(place), ...registerParams({ ...host, ephemeral: false }) };
    await this.#ok({ method: 'POST', path: '/v1/ns/instance', params }, signal);
  }

  /** For calls whose answer is no more than that it was done. */
  async #ok(call: Call, signal: AbortSignal): Promise<void> {
    const answer = await this.#session.ask(call, signal);
    if (answer.status !== 200) throw this.#session.refusal(call, answer);
  }

  async #data<T extends z.ZodType>(call: Call, schema: T, signal: AbortSignal): Promise<z.output<T>> {
    return this.#decode(call, await this.#session.ask(call, signal), schema);
  }

  #decode<T extends z.ZodType>(call: Call, answer: Answer, schema: T): z.output<T> {
    if (answer.status !== 200) throw this.#session.refusal(call, answer);
    const decoded = schema.safeParse(parseJson(answer.text));
    if (decoded.success) return decoded.data;
    const message = `registry ${this.#name}: ${call.path}: an answer that Nacos does not give`;
    throw new RegistryError('protocol', message, { cause: decoded.error });
  }
}

/** Group and service are one name in this API. */
function serviceParams(place: ServicePlace) {
  return { namespaceId: place.namespace, serviceName: groupedName(place) };
}
