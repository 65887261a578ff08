/** What sonde asks of Consul: listings that wait for news, and transactions. */

import type { z } from 'zod';
import { RegistryError, type RegistryErrorCode } from '../../core/registry.ts';
import { LONGEST_POLL } from '../shared/polled.ts';
import { type Call, type ConnectionDeps, Connections, type Reply } from './connections.ts';
import { nodesOf } from './nodes.ts';
import type { ConsulOptions } from './options.ts';
import { type Question, withQuery } from './question.ts';
import {
  type CheckOperation,
  checksAnswer,
  decodeText,
  type Found,
  failedTxn,
  failureOf,
  healthAnswer,
  leaderAnswer,
  nodesAnswer,
  servicesAnswer,
} from './wire.ts';

/** A listing, and where to wait from for the next. */
export interface Answer<T> {
  readonly value: T;
  /** At least 1: with 0 nothing is waited for. */
  readonly index: number;
  /** Consul left something out that the token may not see. */
  readonly filtered: boolean;
}

/** Nodes that consul-esm pings. */
const PROBED = { 'external-probe': 'true' };

/** `stale`: how far behind the answering server may be, milliseconds. */
const FARTHEST_BEHIND = 10_000;

export class ConsulApi {
  readonly #options: ConsulOptions;
  readonly #name: string;
  readonly #connections: Connections;

  constructor(options: ConsulOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#name = deps.name;
    this.#connections = new Connections(options, deps);
  }

  /** Names of the services that the catalog knows. */
  async services(question: Question, signal: AbortSignal): Promise<Answer<readonly string[]>> {
    const path = `/v1/catalog/services?${this.#query(question).toString()}`;
    const { value, ...rest } = await this.#list(path, question, servicesAnswer, signal);
    return { ...rest, value: Object.keys(value) };
  }

  /** The instances of a service with their checks, or external nodes with theirs; `filter` as of Consul for the former. */
  instances(
    service: string,
    question: Question,
    filter: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer<readonly Found[]>> {
    const { externalNodes } = this.#options;
    if (externalNodes?.service === service) return this.#nodes(externalNodes, question, signal);
    return this.health(service, question, filter, signal);
  }

  /** Waits for nodes; their checks are read again every time. */
  async #nodes(
    as: NonNullable<ConsulOptions['externalNodes']>,
    question: Question,
    signal: AbortSignal,
  ): Promise<Answer<readonly Found[]>> {
    const asked = { ...question, wait: Math.min(question.wait, LONGEST_POLL) };
    const query = this.#query(asked, PROBED);
    const nodes = await this.#list(`/v1/catalog/nodes?${query.toString()}`, asked, nodesAnswer, signal);
    const now = { ...question, index: 0 };
    const filter = this.#query(now, PROBED);
    filter.set('filter', 'ServiceID == ""');
    const checks = await this.#list(`/v1/health/state/any?${filter.toString()}`, now, checksAnswer, signal);
    const filtered = nodes.filtered || checks.filtered;
    return { value: nodesOf(nodes.value, checks.value, as), index: nodes.index, filtered };
  }

  /** The instances of a service with their checks. */
  health(
    service: string,
    question: Question,
    filter: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer<readonly Found[]>> {
    const query = this.#query(question);
    // Where an agent answers from its stream it does not say what it left out; sorted by distance it cannot
    // (agent/rpcclient/health/health.go: useStreaming).
    query.set('near', '_agent');
    if (filter !== undefined) query.set('filter', filter);
    return this.#list(
      `/v1/health/service/${encodeURIComponent(service)}?${query.toString()}`,
      question,
      healthAnswer,
      signal,
    );
  }

  /** Throws where Consul has no leader. */
  async confirm(signal: AbortSignal): Promise<void> {
    const path = '/v1/status/leader';
    const { datacenter: dc } = this.#options;
    const reply = await this.#ask({ method: 'GET', path: withQuery(path, { dc }), wait: 0 }, signal);
    if (this.#decode(path, leaderAnswer, reply) === '') throw this.error('unreachable', path, 'no leader');
  }

  /** Whether Consul holds back what a token may not see. */
  async aclsEnabled(signal: AbortSignal): Promise<boolean> {
    const call: Call = { method: 'GET', path: '/v1/acl/token/self', wait: 0 };
    const { status, text } = await this.#connections.ask(call, signal);
    return !(status === 401 && /ACL support disabled/i.test(text));
  }

  /** Carries out all of them or none: tells what stood against it, by operation. */
  async txn(
    operations: readonly CheckOperation[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, string>> {
    const path = '/v1/txn';
    const { datacenter: dc } = this.#options;
    const body = JSON.stringify(operations.map((operation) => ({ Check: operation })));
    const reply = await this.#connections.ask(
      { method: 'PUT', path: withQuery(path, { dc }), body, wait: 0 },
      signal,
    );
    if (reply.status === 200) return new Map();
    if (reply.status !== 409) throw this.#refusal(path, reply);
    const { Errors } = this.#decode(path, failedTxn, reply);
    return new Map(Errors.map(({ OpIndex, What }) => [OpIndex, What]));
  }

  error(code: RegistryErrorCode, path: string, message: string): RegistryError {
    return new RegistryError(code, `registry ${this.#name}: ${path}: ${message}`);
  }

  #query(
    { namespace, index, wait, plain = false }: Question,
    meta: Readonly<Record<string, string>> = {},
  ): URLSearchParams {
    const { datacenter, partition, stale, nodes, externalNodeMeta } = this.#options;
    const query = new URLSearchParams();
    if (datacenter !== undefined) query.set('dc', datacenter);
    if (namespace !== undefined) query.set('ns', namespace);
    if (partition !== undefined) query.set('partition', partition);
    const external = (nodes === 'external' && !plain) || meta === PROBED ? externalNodeMeta : {};
    for (const [key, value] of Object.entries({ ...external, ...meta }))
      query.append('node-meta', `${key}:${value}`);
    // A leader that has just become one may not have all yet, unless it is asked to be sure (agent/consul/rpc.go).
    if (plain || (index === 0 && !stale)) query.set('consistent', '');
    else if (stale) query.set('stale', '');
    if (index > 0) {
      query.set('index', String(index));
      query.set('wait', `${Math.max(1, Math.round(wait))}ms`);
    }
    return query;
  }

  async #list<T extends z.ZodType>(
    path: string,
    { index, wait }: Question,
    schema: T,
    signal: AbortSignal,
  ): Promise<Answer<z.output<T>>> {
    const reply = await this.#ask({ method: 'GET', path, wait: index > 0 ? wait : 0 }, signal);
    const { headers } = reply;
    if (headers['x-consul-knownleader'] === 'false') throw this.error('unreachable', path, 'no leader');
    if (Number(headers['x-consul-lastcontact'] ?? 0) > FARTHEST_BEHIND)
      throw this.error(
        'unreachable',
        path,
        `the server is ${String(headers['x-consul-lastcontact'])} ms behind`,
      );
    const value = this.#decode(path, schema, reply);
    return {
      value,
      index: Math.max(1, Number(headers['x-consul-index'] ?? 0) || 0),
      filtered: headers['x-consul-results-filtered-by-acls'] === 'true',
    };
  }

  async #ask(call: Call, signal: AbortSignal): Promise<Reply> {
    const reply = await this.#connections.ask(call, signal);
    if (reply.status !== 200) throw this.#refusal(call.path, reply);
    return reply;
  }

  #decode<T extends z.ZodType>(path: string, schema: T, { text }: Reply): z.output<T> {
    const decoded = decodeText(schema, text);
    if (decoded === undefined) throw this.error('protocol', path, 'an answer that Consul does not give');
    return decoded;
  }

  #refusal(path: string, { status, text }: Reply): RegistryError {
    const { code, message } = failureOf(status, text);
    return this.error(code, path.replace(/\?.*$/, ''), message);
  }
}
