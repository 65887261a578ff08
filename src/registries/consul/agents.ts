/** Writes through the agent of a node: what it does not know itself it removes from the catalog again. */

import { type Receipt, type RegistryDeps, RegistryError, type WriteRequest } from '../../core/registry.ts';
import { decide, type MarkRecord } from '../shared/mark.ts';
import { OWN_NAME, OWN_NOTES, outputOf, ownCheckId, readOwn, statusOf } from './carrier.ts';
import { Connections, type Reply } from './connections.ts';
import type { ConsulOptions } from './options.ts';
import { withQuery } from './question.ts';
import { agentChecksAnswer, type Check, decodeText, type Found, failureOf, selfAnswer } from './wire.ts';

/** The agent turns a check critical of which it hears nothing for so long; sonde writes only what changes. */
const TTL = '87600h';

/** To one agent, about one namespace. */
interface Line {
  readonly connections: Connections;
  readonly namespace: string;
}

interface Outcome {
  readonly receipt: Receipt['kind'];
  readonly detail?: string;
}

export class Agents {
  readonly #options: ConsulOptions;
  readonly #deps: RegistryDeps;
  /** By origin. */
  readonly #connections = new Map<string, Connections>();

  constructor(options: ConsulOptions, deps: RegistryDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** What an agent refuses is a receipt: one that is down is no failure of the registry. */
  async write(request: WriteRequest, found: Found, signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#write(request, found, this.#agentOf(found, request.instance.namespace), signal);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return { receipt: 'refused', detail: error.message };
    }
  }

  async #write(
    request: WriteRequest,
    { Node, Service }: Found,
    agent: Line,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const self = await this.#ask(agent, 'GET', '/v1/agent/self', undefined, signal);
    const node = decodeText(selfAnswer, self.text)?.Config.NodeName;
    // Behind a balancer it may be any agent, with a service of the same ID.
    if (node !== Node.Node)
      return { receipt: 'refused', detail: `the agent is that of node ${node}, not of ${Node.Node}` };
    const id = ownCheckId(Service.ID);
    const check = await this.#read(agent, id, signal);
    const stored = check === undefined ? undefined : readOwn(check);
    const decision = decide(request, { mark: stored?.mark, ownWeight: undefined }, undefined);
    const { desired } = request;
    const status = desired.kind === 'release' ? undefined : statusOf(desired.health, this.#options);
    if (decision.kind === 'receipt') {
      // The same health may have another status since the options changed.
      const same = status === undefined || stored === undefined || stored.status === status;
      if (decision.receipt !== 'unchanged' || same) return decision;
    }
    const mark = decision.kind === 'store' ? decision.mark : stored?.record;
    if (mark === undefined || status === undefined) {
      await this.#deregister(agent, id, signal);
      return { receipt: 'written' };
    }
    return this.#store(
      agent,
      { mark, status, incarnation: request.instance.incarnation },
      Service.ID,
      check,
      signal,
    );
  }

  async #store(
    agent: Line,
    {
      mark,
      status,
      incarnation,
    }: { readonly mark: MarkRecord; readonly status: string; readonly incarnation: string },
    serviceId: string,
    check: Check | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const id = ownCheckId(serviceId);
    const about = { ID: id, Name: OWN_NAME, Notes: OWN_NOTES, ServiceID: serviceId, TTL, Status: status };
    const register = (): Promise<Reply> => this.#ask(agent, 'PUT', '/v1/agent/check/register', about, signal);
    if (check === undefined && (await register()).status === 404) return { receipt: 'gone' };
    // The agent keeps this on disk, and of the registration alone not the status: a restart would turn it critical.
    const update = { Status: status, Output: outputOf(mark, { status, incarnation }) };
    const path = `/v1/agent/check/update/${encodeURIComponent(id)}`;
    const reply = await this.#ask(agent, 'PUT', path, update, signal);
    if (reply.status === 404) return { receipt: 'refused', detail: reply.text.trim() };
    // An output that changes alone the agent would keep to itself for minutes (check_update_interval).
    if ((await register()).status === 404) return { receipt: 'gone' };
    const now = await this.#read(agent, id, signal);
    if (now !== undefined && readOwn(now) !== undefined) return { receipt: 'written' };
    await this.#deregister(agent, id, signal);
    return { receipt: 'refused', detail: 'the agent keeps no output (discard_check_output), and so no mark' };
  }

  async #deregister(agent: Line, id: string, signal: AbortSignal): Promise<void> {
    const path = `/v1/agent/check/deregister/${encodeURIComponent(id)}`;
    await this.#ask(agent, 'PUT', path, undefined, signal);
  }

  async #read(agent: Line, id: string, signal: AbortSignal): Promise<Check | undefined> {
    const filter = `CheckID == \`${id}\``;
    const reply = await this.#ask(agent, 'GET', '/v1/agent/checks', undefined, signal, filter);
    const checks = decodeText(agentChecksAnswer, reply.text);
    if (checks === undefined) throw this.#error('protocol', 'an answer that no agent gives');
    return Object.values(checks)[0];
  }

  /** 404 is for the caller to judge. */
  async #ask(
    agent: Line,
    method: 'GET' | 'PUT',
    path: string,
    body: object | undefined,
    signal: AbortSignal,
    filter?: string,
  ): Promise<Reply> {
    const { partition, namespaces } = this.#options;
    const ns = namespaces === undefined ? undefined : agent.namespace;
    const call = { method, path: withQuery(path, { partition, ns, filter }), wait: 0 };
    const reply = await agent.connections.ask(
      body === undefined ? call : { ...call, body: JSON.stringify(body) },
      signal,
    );
    if (reply.status === 200 || reply.status === 404) return reply;
    const { code, message } = failureOf(reply.status, reply.text);
    throw this.#error(code, `${path}: ${message}`);
  }

  #agentOf({ Node }: Found, namespace: string): Line {
    const { agents, agentPort, endpoints } = this.#options;
    const scheme = endpoints[0]?.split(':')[0] ?? 'http';
    const host = Node.Address.includes(':') ? `[${Node.Address}]` : Node.Address;
    const origin = agents === 'own' ? (endpoints[0] ?? '') : `${scheme}://${host}:${agentPort}`;
    const known = this.#connections.get(origin) ?? new Connections(this.#options, this.#deps, [origin]);
    this.#connections.set(origin, known);
    return { connections: known, namespace };
  }

  #error(code: RegistryError['code'], message: string): RegistryError {
    return new RegistryError(code, `registry ${this.#deps.name}: agent: ${message}`);
  }
}
