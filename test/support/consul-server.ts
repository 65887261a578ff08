/** Real Consul servers on loopback, alone or three of them, with ACLs or without; tests freeze, kill and start them again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { endNow } from './end-now.ts';
import { freePort } from './free-port.ts';
import { programPath } from './servers.ts';

export interface ServerOptions {
  /** The token that may do everything; ACLs are on where there is one. */
  readonly root?: string;
  /** How many servers there shall be. */
  readonly expect?: number;
  /** No server of its own but a client of that one. */
  readonly clientOf?: ConsulServer;
  readonly join?: readonly ConsulServer[];
  /** Consul's `tls.https`; the server then speaks HTTPS too. */
  readonly https?: object;
  /** More of its configuration. */
  readonly more?: object;
}

interface Ports {
  readonly http: number;
  readonly rpc: number;
  readonly serf: number;
  readonly grpc: number;
  readonly https: number;
}

export class ConsulServer {
  readonly node: string;
  readonly endpoint: string;
  /** Over TLS. */
  readonly secure: string;
  readonly #dir = mkdtempSync(join(tmpdir(), 'sonde-consul-'));
  readonly #ports: Ports;
  readonly #options: ServerOptions;
  #child: ChildProcess | undefined;

  private constructor(ports: Ports, options: ServerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.node = `server-${ports.http}`;
    this.endpoint = `http://127.0.0.1:${ports.http}`;
    this.secure = `https://127.0.0.1:${ports.https}`;
  }

  /** Gone with its data when the scope ends. */
  static async start(scope: AsyncDisposableStack, options: ServerOptions = {}): Promise<ConsulServer> {
    for (let attempt = 1; ; attempt++) {
      const server = await ConsulServer.#make(scope, options);
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else took one of the ports meanwhile.
        if (attempt === 3) throw error;
        await server.kill();
      }
    }
  }

  /** Three servers, one of which leads. */
  static async cluster(scope: AsyncDisposableStack): Promise<readonly ConsulServer[]> {
    const servers: ConsulServer[] = [];
    for (let i = 0; i < 3; i++)
      servers.push(await ConsulServer.#make(scope, { expect: 3, join: [...servers] }));
    await Promise.all(servers.map((server) => server.start()));
    return servers;
  }

  static async #make(scope: AsyncDisposableStack, options: ServerOptions): Promise<ConsulServer> {
    const ports = {
      http: await freePort(),
      rpc: await freePort(),
      serf: await freePort(),
      grpc: await freePort(),
      https: await freePort(),
    };
    const server = new ConsulServer(ports, options);
    scope.defer(async () => {
      await server.kill();
      rmSync(server.#dir, { recursive: true, force: true });
    });
    return server;
  }

  /** Starts it (again) with its data, and waits until it has a leader and answers. */
  async start(): Promise<void> {
    const file = join(this.#dir, 'consul.json');
    writeFileSync(file, JSON.stringify(this.#config()));
    const program = programPath('consul') ?? 'consul';
    const args = ['agent', '-config-file', file, '-data-dir', join(this.#dir, 'data')];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4_000);
      });
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`consul did not start: ${said}`);
      const leader = await this.call('GET', '/v1/status/leader').catch(() => '');
      if (leader === '') return false;
      const nodes = await this.call('GET', '/v1/catalog/nodes').catch(() => []);
      return (nodes as unknown[]).length > 0;
    }, `consul (${said})`);
  }

  #config(): object {
    const { root, expect = 1, clientOf, join: others = [], https, more } = this.#options;
    const { http, rpc, serf, grpc, https: secure } = this.#ports;
    const joined = clientOf === undefined ? others : [clientOf];
    return {
      node_name: this.node,
      ...(clientOf === undefined ? { server: true, bootstrap_expect: expect } : { server: false }),
      bind_addr: '127.0.0.1',
      client_addr: '127.0.0.1',
      ports: {
        http,
        ...(https === undefined ? {} : { https: secure }),
        server: rpc,
        serf_lan: serf,
        serf_wan: -1,
        dns: -1,
        grpc: -1,
        grpc_tls: clientOf === undefined ? grpc : -1,
      },
      retry_join: joined.map((one) => `127.0.0.1:${one.#ports.serf}`),
      retry_interval: '1s',
      performance: { raft_multiplier: 1 },
      disable_update_check: true,
      log_level: 'WARN',
      connect: { enabled: false },
      peering: { enabled: false },
      ...(root === undefined
        ? {}
        : {
            acl: {
              enabled: true,
              default_policy: 'deny',
              // What the tests change must be seen at once.
              policy_ttl: '0s',
              token_ttl: '0s',
              role_ttl: '0s',
              tokens: { initial_management: root, agent: root },
            },
          }),
      ...(https === undefined ? {} : { tls: { https } }),
      ...more,
    };
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endNow(child);
  }

  /** Gone with all that it had: starts anew from nothing. */
  async wipe(): Promise<void> {
    await this.kill();
    rmSync(join(this.#dir, 'data'), { recursive: true, force: true });
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  /** A call past sonde: somebody else's client. Throws what Consul refuses. */
  async call(
    method: 'GET' | 'PUT',
    path: string,
    body?: unknown,
    token = this.#options.root,
  ): Promise<unknown> {
    const { statusCode, body: answer } = await request(this.endpoint + path, {
      method,
      // Leaves no idle connection behind, which a test that counts sockets would see.
      reset: true,
      headers: token === undefined ? {} : { 'x-consul-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  /** A token that may do what these rules say. */
  async token(rules: string): Promise<{ readonly secret: string; setRules(rules: string): Promise<void> }> {
    const name = `policy-${Math.random().toString(36).slice(2)}`;
    const { ID } = (await this.call('PUT', '/v1/acl/policy', { Name: name, Rules: rules })) as { ID: string };
    const token = await this.call('PUT', '/v1/acl/token', { Policies: [{ ID }] });
    const { SecretID: secret } = token as { SecretID: string };
    const setRules = async (changed: string): Promise<void> => {
      await this.call('PUT', `/v1/acl/policy/${ID}`, { ID, Name: name, Rules: changed });
    };
    return { secret, setRules };
  }
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come up`);
}
