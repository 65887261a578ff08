/** The sample providers of `sonde demo`, on loopback: each is ill in its own way. */

import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import type { Clock } from '../../core/clock.ts';

export interface SampleProvider {
  readonly service: string;
  readonly port: number;
  /** What is wrong with it, for people. */
  readonly story: string;
}

const HOST = '127.0.0.1';
const SLOW = 350;
/** How long the mortal one lives at first and then, and stays dead. */
const YOUTH = 6_000;
const LIFE = 30_000;
const DEATH = 8_000;

/** Starts them all; they stop with the scope. */
export async function startProviders(
  clock: Clock,
  scope: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<readonly SampleProvider[]> {
  let count = 0;
  const healthy = await listen(createServer(ok), scope);
  const flaky = await listen(
    createServer((request, response) => {
      if (count++ % 2 === 1) response.writeHead(503).end('overloaded\n');
      else ok(request, response);
    }),
    scope,
  );
  const slow = await listen(
    createServer((request, response) => {
      clock.after(SLOW, () => ok(request, response));
    }),
    scope,
  );
  const scripted = await listen(createServer(ok), scope);
  return [
    { service: 'web-shop', port: healthy, story: 'always well' },
    { service: 'web-orders', port: flaky, story: 'answers 503 to every second request' },
    { service: 'web-search', port: slow, story: `takes ${SLOW} ms to answer` },
    { service: 'tcp-legacy', port: await refusedPort(), story: 'refuses connections' },
    { service: 'web-cart', port: await startMortal(clock, scope, signal), story: 'dies and comes back' },
    { service: 'script-batch', port: scripted, story: 'checked by a script' },
  ];
}

const ok: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
};

/** A provider that is killed and started again on the same port for ever. */
async function startMortal(clock: Clock, scope: AsyncDisposableStack, signal: AbortSignal): Promise<number> {
  const first = createServer(ok);
  const port = await bind(first, 0);
  const live = async (): Promise<void> => {
    let server = first;
    for (let life = YOUTH; !signal.aborted; life = LIFE) {
      await clock.sleep(life, signal);
      server.closeAllConnections();
      server.close();
      await clock.sleep(DEATH, signal);
      server = createServer(ok);
      await bind(server, port);
      server.unref();
    }
  };
  const life = live().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  first.unref();
  scope.defer(() => life);
  return port;
}

async function listen(server: Server, scope: AsyncDisposableStack): Promise<number> {
  const port = await bind(server, 0);
  scope.use(server);
  return port;
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

/** A port on which nobody listens: it was free a moment ago. */
async function refusedPort(): Promise<number> {
  await using server = createTcpServer();
  return await bind(server, 0);
}
