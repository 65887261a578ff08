/** A real ZooKeeper on loopback, alone or as one of an ensemble, which tests stop, freeze and start again with its data. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Change } from '../../src/registries/zookeeper/protocol.ts';
import { Session } from '../../src/registries/zookeeper/session.ts';
import { endNow } from './end-now.ts';

/** Of Debian's package `zookeeper`; its manifest names the other jars, but not all that TLS needs. */
const JARS = ['zookeeper', 'netty-codec', 'netty-resolver', 'netty-transport-native-unix-common']
  .map((name) => `/usr/share/java/${name}.jar`)
  .join(':');
export const ZOOKEEPER_PROGRAM = '/usr/share/zookeeper/bin/zkServer.sh';

export interface ZookeeperConfig {
  /** Lines of zoo.cfg beside those that every server has. */
  readonly lines?: readonly string[];
  /** Properties of the Java machine. */
  readonly properties?: readonly string[];
  /** Milliseconds; sessions last 2 to 20 of them. */
  readonly tick?: number;
}

export class ZookeeperServer {
  readonly port: number;
  readonly #dir = mkdtempSync(join(tmpdir(), 'sonde-zookeeper-'));
  readonly #config: ZookeeperConfig;
  #child: ChildProcess | undefined;

  private constructor(port: number, config: ZookeeperConfig) {
    this.port = port;
    this.#config = config;
  }

  /** Gone with its data when the scope ends. */
  static async start(scope: AsyncDisposableStack, config: ZookeeperConfig = {}): Promise<ZookeeperServer> {
    for (let attempt = 1; ; attempt++) {
      const server = await ZookeeperServer.#prepare(scope, config);
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else took the port meanwhile.
        if (attempt === 3) throw error;
      }
    }
  }

  /** Three servers that elect a leader. */
  static async ensemble(scope: AsyncDisposableStack): Promise<readonly ZookeeperServer[]> {
    const peers = await freePorts(6);
    const lines = [1, 2, 3].map((n) => `server.${n}=127.0.0.1:${peers[n * 2 - 2]}:${peers[n * 2 - 1]}`);
    const config = { lines: [...lines, 'initLimit=30', 'syncLimit=10'], tick: 400 };
    const servers: ZookeeperServer[] = [];
    for (const n of [1, 2, 3]) {
      const server = await ZookeeperServer.#prepare(scope, config);
      writeFileSync(join(server.#dir, 'myid'), String(n));
      servers.push(server);
    }
    await Promise.all(servers.map((server) => server.start()));
    return servers;
  }

  static async #prepare(scope: AsyncDisposableStack, config: ZookeeperConfig): Promise<ZookeeperServer> {
    const [port = 0] = await freePorts(1);
    const server = new ZookeeperServer(port, config);
    scope.defer(async () => {
      await server.kill();
      rmSync(server.#dir, { recursive: true, force: true });
    });
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it (again), and waits until it serves. */
  async start(): Promise<void> {
    const { lines = [], properties = [], tick = 500 } = this.#config;
    const file = join(this.#dir, 'zoo.cfg');
    const own = [
      `tickTime=${tick}`,
      `dataDir=${this.#dir}`,
      `clientPort=${this.port}`,
      'clientPortAddress=127.0.0.1',
      'admin.enableServer=false',
      'maxClientCnxns=0',
      '4lw.commands.whitelist=srvr,ruok',
    ];
    writeFileSync(file, `${[...own, ...lines].join('\n')}\n`);
    const child = spawn(
      'java',
      [
        ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dzookeeper.forceSync=no'],
        properties.map((one) => `-D${one}`),
        ['-cp', JARS, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', file],
      ].flat(),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000);
    });
    for (let attempt = 0; attempt < 600 && child.exitCode === null; attempt++) {
      if ((await this.mode()) !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`ZooKeeper did not start: ${said}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endNow(child);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** `standalone`, `leader` or `follower`; undefined while it does not serve. */
  async mode(): Promise<string | undefined> {
    return /^Mode: (\w+)/m.exec(await fourLetters('srvr', this.port))?.[1];
  }

  /** Another's client, in a session of its own that ends with the scope. */
  session(scope: AsyncDisposableStack, credentials?: string): Promise<Peer> {
    return Peer.open([this], scope, credentials);
  }
}

/** A provider, a person or a console: whoever else acts on the tree. */
export class Peer {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async open(
    servers: readonly ZookeeperServer[],
    scope: AsyncDisposableStack,
    credentials?: string,
  ): Promise<Peer> {
    const options = {
      servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
      tls: undefined,
      timeout: 5_000,
      sessionTimeout: 10_000,
      patience: 10_000,
      credentials,
    };
    const deps = { name: 'peer', clock: systemClock, baseDir: '/' };
    const session = await Session.open(options, deps, () => undefined, new AbortController().signal);
    scope.defer(() => session.close(new Error('closed')));
    return new Peer(session);
  }

  close(): Promise<void> {
    return this.#session.close(new Error('closed'));
  }

  /** Creates it with its folders, or sets what stands there. */
  async put(path: string, data: string, ephemeral = false): Promise<void> {
    if ((await this.#session.exists(path, false)) !== undefined) {
      await this.apply({ kind: 'set', path, data, version: -1 });
      return;
    }
    const segments = path.slice(1).split('/');
    for (let n = 1; n < segments.length; n++)
      await this.#session.create(`/${segments.slice(0, n).join('/')}`, '', 'open');
    await this.#session.create(path, data, 'open', ephemeral);
  }

  async apply(...changes: readonly Change[]): Promise<void> {
    const errors = await this.#session.transact(changes);
    if (errors !== undefined) throw new Error(`${changes[0]?.path}: ${errors.join(', ')}`);
  }

  async delete(path: string): Promise<void> {
    await this.apply({ kind: 'delete', path, version: -1 });
  }

  async get(path: string): Promise<string | undefined> {
    return (await this.#session.getData(path, false))?.data;
  }

  async children(path: string): Promise<readonly string[]> {
    return (await this.#session.getChildren(path, false))?.names ?? [];
  }

  /** Every node below a path, with its data and the number of its changes. */
  async all(path: string): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    const node = await this.#session.getData(path, false);
    if (node !== undefined) found.set(path, `${node.stat.version} ${node.data}`);
    for (const name of await this.children(path))
      for (const [key, value] of await this.all(`${path}/${name}`)) found.set(key, value);
    return found;
  }
}

function fourLetters(word: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(word));
    let said = '';
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    socket.on('error', () => resolve(''));
    socket.on('close', () => resolve(said));
  });
}

/** Held all at once, so that they are not the same. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
