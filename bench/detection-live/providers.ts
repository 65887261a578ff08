/** Providers on addresses of loopback that fall ill when told: run as a child process, told over IPC. */

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';

/** How an instance behaves. */
export type Behaviour =
  /** Answers after about `latency` milliseconds; the share `failing` of the answers is a 503. */
  | { readonly kind: 'answer'; readonly latency: number; readonly failing: number }
  /** Takes the connection and says nothing. */
  | { readonly kind: 'hang' }
  /** Listens no more. */
  | { readonly kind: 'closed' };

export type Order =
  | { readonly kind: 'listen'; readonly port: number; readonly hosts: readonly string[] }
  | { readonly kind: 'behave'; readonly hosts: readonly string[]; readonly how: Behaviour }
  /** Runs no more until killed: what fills the accept queues is never taken from them. */
  | { readonly kind: 'block' };

/** The latency of an instance that is well, in milliseconds. */
export const LATENCY = 20;
/** Connections that nobody took yet; a full queue answers no SYN. */
const BACKLOG = 1;

const servers = new Map<string, Server>();
const behaviours = new Map<string, Behaviour>();

function answer(host: string): RequestListener {
  return (_request, response) => {
    const how = behaviours.get(host) ?? { kind: 'answer', latency: LATENCY, failing: 0 };
    if (how.kind !== 'answer') return;
    const wait = how.latency * (0.8 + 0.4 * Math.random());
    setTimeout(() => finish(response, Math.random() < how.failing), wait);
  };
}

function finish(response: ServerResponse, failing: boolean): void {
  response.statusCode = failing ? 503 : 200;
  response.end('ok');
}

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'listen':
      await Promise.all(order.hosts.map((host) => listen(host, order.port)));
      break;
    case 'behave':
      for (const host of order.hosts) {
        behaviours.set(host, order.how);
        if (order.how.kind !== 'closed') continue;
        servers.get(host)?.close();
        servers.get(host)?.closeAllConnections();
      }
      break;
    case 'block':
      process.send?.('done', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
      return;
    default:
      order satisfies never;
  }
  process.send?.('done');
}

function listen(host: string, port: number): Promise<void> {
  const server = createServer(answer(host));
  servers.set(host, server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, resolve);
  });
}

process.on('message', (order: Order) => void obey(order));
// Whoever started us is gone.
process.on('disconnect', () => process.exit(0));
