/** A server on loopback or a unix socket that speaks the HTTP interface as far as the command line needs it, from plain data. */

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ReloadResult } from '../../src/core/control.ts';
import type { Event } from '../../src/core/event.ts';
import type { ConfigurationView, ExplainView } from '../../src/core/explain-view.ts';
import type { Intervention } from '../../src/core/intervention.ts';
import type { ServiceView, WriteRowView } from '../../src/core/list-view.ts';
import type { InstanceView, SummaryView } from '../../src/core/view.ts';

export interface World {
  summary: SummaryView;
  configuration: ConfigurationView;
  instances: InstanceView[];
  services: ServiceView[];
  events: Event[];
  writes: WriteRowView[];
  interventions: Intervention[];
  explain: ExplainView;
  reload: ReloadResult;
  ready: boolean;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export const TOKEN = 'the-token-of-the-tests';

export interface ContractOptions {
  readonly socket?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export class ContractServer {
  readonly world: World;
  readonly asked: Asked[] = [];
  /** Called before each answer. */
  before: (asked: Asked) => void | Promise<void> = () => undefined;
  url = '';

  constructor(world: World) {
    this.world = world;
  }

  static async start(
    scope: AsyncDisposableStack,
    world: World,
    { socket, tls }: ContractOptions = {},
  ): Promise<ContractServer> {
    const contract = new ContractServer(world);
    const listener: RequestListener = (request, response) => {
      contract
        .#answer(request, response)
        .catch((error: unknown) => response.destroy(new Error(String(error))));
    };
    const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
    await new Promise<void>((resolve) => {
      if (socket === undefined) server.listen(0, '127.0.0.1', resolve);
      else server.listen(socket, resolve);
    });
    scope.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const name = tls === undefined ? 'http://127.0.0.1' : 'https://localhost';
    contract.url = socket === undefined ? `${name}:${port}` : `unix:${socket}`;
    return contract;
  }

  /** What changed something, as `METHOD path`. */
  get changes(): readonly string[] {
    return this.asked.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers, socket } = request;
    const [path = '', query = ''] = url.split('?');
    const sent = await text(request);
    const asked: Asked = { method, path, query, headers, body: sent === '' ? undefined : JSON.parse(sent) };
    this.asked.push(asked);
    await this.before(asked);
    const trusted = socket.remoteAddress === undefined || headers.authorization === `Bearer ${TOKEN}`;
    const { status, value } =
      method !== 'GET' && !trusted
        ? problem(401, 'Whatever changes state needs the token.')
        : this.#respond(asked, new URLSearchParams(query));
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(value === undefined ? '' : JSON.stringify(value));
  }

  #respond({ method, path, body }: Asked, query: URLSearchParams): Answer {
    const { world } = this;
    const list = (all: readonly object[]): Answer => ok({ items: all, nextCursor: null });
    const [, id = '', what = ''] = /^\/v1\/instances\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
    if (id !== '') {
      const found = world.instances.find((one) => one.id === id);
      if (found === undefined) return problem(404, `There is no instance with the id "${id}".`);
      if (method === 'POST') return { status: 202, value: { id } };
      return ok(what === 'explain' ? world.explain : found);
    }
    const [, lifted] = /^\/v1\/interventions\/(.+)$/.exec(path) ?? [];
    switch (`${method} ${path}`) {
      case 'GET /livez':
        return ok({ alive: true });
      case 'GET /readyz':
        return world.ready ? ok({ ready: true }) : problem(503, 'Waiting for local.');
      case 'GET /v1/summary':
        return ok(world.summary);
      case 'GET /v1/configuration':
        return ok(world.configuration);
      case 'GET /v1/instances':
        return list(world.instances.filter((one) => wants(query, one)));
      case 'GET /v1/services':
        return list(world.services.filter((one) => wants(query, one)));
      case 'GET /v1/events':
        return list(world.events);
      case 'GET /v1/writes':
        return list(world.writes.filter((one) => wants(query, one)));
      case 'GET /v1/interventions':
        return query.size > 0 ? problem(400, 'There are no parameters here.') : list(world.interventions);
      case 'POST /v1/interventions':
        return { status: 201, value: this.#lay(body as Order) };
      case 'POST /-/reload':
        return world.reload.kind === 'rejected'
          ? { status: 422, value: { detail: 'The configuration is not valid.', text: world.reload.text } }
          : ok(world.reload);
      case 'POST /v1/registries/local/release-guard':
        return { status: 202, value: { registry: 'local' } };
      default:
        if (method !== 'DELETE' || lifted === undefined)
          return problem(404, 'There is nothing at this path.');
        if (!world.interventions.some((one) => one.id === lifted)) return problem(404, 'There is none.');
        world.interventions = world.interventions.filter((one) => one.id !== lifted);
        return { status: 204, value: undefined };
    }
  }

  #lay({ kind, selector, reason, by, for: lasts }: Order): Intervention {
    const until = lasts === undefined ? null : '2026-01-01T01:00:00.000Z';
    const laid: Intervention = {
      id: `00000000000000${String(this.world.interventions.length).padStart(2, '0')}`,
      kind,
      selector,
      reason,
      by,
      at: '2026-01-01T00:00:00.000Z',
      until,
      instances: this.world.instances.filter(
        ({ service }) => selector.service === undefined || selector.service === service,
      ).length,
    };
    this.world.interventions.push(laid);
    return laid;
  }
}

interface Order extends Pick<Intervention, 'kind' | 'selector' | 'reason' | 'by'> {
  readonly for?: string;
}

interface Answer {
  readonly status: number;
  readonly value: unknown;
}

function ok(value: unknown): Answer {
  return { status: 200, value };
}

function problem(status: number, detail: string): Answer {
  return { status, value: { type: 'urn:sonde:problem:test', title: 'No', status, detail } };
}

function wants(query: URLSearchParams, one: object): boolean {
  const fields = one as Readonly<Record<string, unknown>>;
  for (const [key, value] of query) {
    if (
      key === 'q' &&
      !`${String(fields.namespace)}/${String(fields.service)} ${String(fields.host)}:${String(fields.port)}`.includes(
        value,
      )
    )
      return false;
    if (key in fields && !value.split(',').includes(String(fields[key]))) return false;
  }
  return true;
}
