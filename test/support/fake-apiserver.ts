/** What an apiserver says, said by a test: EndpointSlices and Pods as it tells them, and watches that stay open. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class FakeApiserver {
  /** What was asked, in order. */
  readonly asked: URL[] = [];
  url = '';
  /** What is answered instead of what would be; false: the usual. */
  instead: (url: URL, request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  /** As it stands in lists. */
  slices: object[] = [];
  pods: object[] = [];
  version = 100;
  readonly #watches = new Map<string, Set<ServerResponse>>();

  static async start(scope: AsyncDisposableStack): Promise<FakeApiserver> {
    const fake = new FakeApiserver();
    const server = createServer((request, response) => fake.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return fake;
  }

  lists(): readonly URL[] {
    return this.asked.filter(({ searchParams }) => searchParams.get('limit') === '500');
  }

  watches(plural = 'endpointslices'): readonly URL[] {
    return this.asked.filter(
      ({ pathname, searchParams }) => pathname.endsWith(plural) && searchParams.has('watch'),
    );
  }

  /** To those that watch now. */
  tell(plural: 'endpointslices' | 'pods', text: string): void {
    for (const response of this.#watches.get(plural) ?? []) response.write(text);
  }

  /** Ends their watches, as the apiserver does when their time is over, or breaks them off. */
  end(plural: 'endpointslices' | 'pods', how: 'end' | 'destroy' = 'end'): void {
    for (const response of this.#watches.get(plural) ?? []) response[how]();
    this.#watches.delete(plural);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.url);
    this.asked.push(url);
    response.setHeader('connection', 'close');
    if (this.instead(url, request, response)) return;
    const plural = url.pathname.endsWith('/pods') ? 'pods' : 'endpointslices';
    if (url.searchParams.has('watch')) {
      response.writeHead(200).flushHeaders();
      const watches = this.#watches.get(plural) ?? new Set();
      this.#watches.set(plural, watches.add(response));
      return;
    }
    const all = plural === 'pods' ? this.pods : this.slices;
    const limit = Number(url.searchParams.get('limit'));
    const start = Number(url.searchParams.get('continue') ?? 0);
    const items = all.slice(start, start + limit);
    const left = all.length - start - items.length;
    json(response, 200, {
      kind: plural === 'pods' ? 'PodList' : 'EndpointSliceList',
      metadata: {
        resourceVersion: String(this.version),
        ...(left > 0 ? { continue: String(start + items.length), remainingItemCount: left } : {}),
      },
      items,
    });
  }
}

export function json(response: ServerResponse, status: number, body: object): true {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  return true;
}

export function failure(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): true {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  return json(response, code, {
    kind: 'Status',
    status: 'Failure',
    code,
    reason,
    message: `${reason} it is`,
  });
}

export interface FakeSlice {
  readonly name?: string;
  readonly service?: string;
  readonly version?: number;
  readonly hosts: readonly string[];
}

export function fakeSlice({ name = 'web-1', service = 'web', version = 1, hosts }: FakeSlice): object {
  return {
    metadata: {
      namespace: 'default',
      name,
      uid: `uid-${name}`,
      resourceVersion: String(version),
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
    endpoints: hosts.length === 0 ? null : hosts.map((host) => ({ addresses: [host], conditions: {} })),
  };
}

export function watchLine(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}
