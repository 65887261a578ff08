/** Providers that say who they are, a registry file that names them, and requests through a balancer in front of them. */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Serves on one port for ever; is looked at on another, which can be closed: dead for the prober, able to count for us. */
export class Provider {
  readonly port: number;
  readonly checkPort: number;
  /** Requests that came through the balancer. */
  served = 0;
  /** Milliseconds that an answer to a look takes. */
  slow = 0;
  #status = 200;
  readonly #check: Server;

  private constructor(serving: Server, check: Server) {
    this.port = portOf(serving);
    this.checkPort = portOf(check);
    this.#check = check;
    serving.on('request', (_request, response) => {
      this.served++;
      response.end(String(this.port));
    });
    check.on('request', (_request, response) => {
      response.statusCode = this.#status;
      response.end();
    });
  }

  static async start(scope: AsyncDisposableStack): Promise<Provider> {
    const provider = new Provider(await listening(scope), await listening(scope));
    return provider;
  }

  die(): void {
    this.#check.close();
    this.#check.closeAllConnections();
  }

  rise(): void {
    this.#check.listen(this.checkPort, '127.0.0.1');
  }

  /** Answers looks with 503 from now on, or well again. */
  ail(ill: boolean): void {
    this.#status = ill ? 503 : 200;
  }
}

async function listening(scope: AsyncDisposableStack): Promise<Server> {
  const server = createServer();
  scope.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A configuration with a file registry of one service `web`, and what else is said. */
export function writeConfig(dir: string, providers: readonly Provider[], port: number, rest: string): string {
  const instances = providers.map((one) => ({
    host: '127.0.0.1',
    port: one.port,
    weight: 100,
    metadata: { check: String(one.checkPort) },
  }));
  writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services: [{ name: 'web', instances }] }));
  const file = join(dir, 'sonde.yaml');
  writeFileSync(
    file,
    `version: 1
server: { listen: "127.0.0.1:${port}", tokenFile: ${join(dir, 'token')} }
registries:
  - { name: local, kind: file, path: ./providers.yaml, write: { mode: apply } }
rules:
  quick: { kind: success-rate, window: { count: 10 }, minSamples: 3 }
checks:
  - name: web
    probe: { kind: http, port: "\${instance.metadata.check}", path: / }
    interval: 200ms
    timeout: 100ms
    connectTimeout: 100ms
    rule: quick
${rest}`,
  );
  return file;
}

/** Requests to the balancer, one after another, until told to stop. */
export class Traffic {
  readonly #url: string;
  sent = 0;
  /** Answered, and not with 200: the balancer found nobody, or somebody who does not answer. */
  failed = 0;
  /** Connections that ended without an answer: the balancer's own, as nginx closes those of old workers at a reload. */
  unanswered = 0;
  #on = true;
  readonly #done: Promise<void>;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/`;
    this.#done = this.#flow();
  }

  async stop(): Promise<void> {
    this.#on = false;
    await this.#done;
  }

  async #flow(): Promise<void> {
    while (this.#on) {
      this.sent++;
      const status = await statusOf(this.#url);
      if (status === 0) this.unanswered++;
      else if (status !== 200) this.failed++;
      await sleep(5);
    }
  }
}

/** 0 where there was no answer. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', () => resolve(0));
    }).once('error', () => resolve(0));
  });
}

/** Asks again and again; fails with what it saw last when it takes longer than 20 s. */
export async function eventually<T>(ask: () => T | Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const value = await ask();
    if (good(value)) return value;
    if (attempt === 400) throw new Error(`still ${JSON.stringify(value)}`);
    await sleep(50);
  }
}
