/** Real Nacos servers of `.ci/servers/nacos.sh`, standalone with embedded Derby, behind a proxy that tests take away. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endNow } from './end-now.ts';
import { describeUnless, programPath } from './servers.ts';

export type NacosRelease = '2.5.0' | '3.1.0' | '3.1.0 with the health fix';

/** What the admin of a server with logins is called. */
export const ADMIN = { username: 'nacos', password: 'sonde-test-1' } as const;
export const IDENTITY = { key: 'x-sonde-test', value: 'let-me-in' } as const;

export class NacosServer {
  readonly release: NacosRelease;
  readonly #logins: boolean;
  readonly #home = mkdtempSync(join(tmpdir(), 'sonde-nacos-'));
  readonly #port: number;
  readonly #proxy: FaultProxy;
  #child: ChildProcess | undefined;

  private constructor(release: NacosRelease, port: number, proxy: FaultProxy, logins: boolean) {
    this.release = release;
    this.#port = port;
    this.#proxy = proxy;
    this.#logins = logins;
  }

  /** Gone with its data when the scope ends. With `logins` every call needs one. */
  static async start(
    scope: AsyncDisposableStack,
    release: NacosRelease,
    { logins = false } = {},
  ): Promise<NacosServer> {
    const port = await freePorts();
    const proxy = await FaultProxy.start(port);
    const server = new NacosServer(release, port, proxy, logins);
    scope.defer(async () => {
      await server.kill();
      await proxy.close();
      rmSync(server.#home, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  /** Where sonde finds it: through the proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.#proxy.port}`;
  }

  get isV3(): boolean {
    return this.release !== '2.5.0';
  }

  /** Nobody reaches it any more; it goes on. */
  async outage(): Promise<void> {
    await this.#proxy.refuse();
  }

  async recover(): Promise<void> {
    await this.#proxy.accept();
  }

  /** Answers come this much later, milliseconds. */
  delay(ms: number): void {
    this.#proxy.delay = ms;
  }

  /** Connections break off after this many bytes of an answer; undefined: they do not. */
  cutAfter(bytes: number | undefined): void {
    this.#proxy.cut = bytes;
  }

  /** Starts it (again) with its data, and waits until it takes writes. */
  async start(): Promise<void> {
    const { conf } = this.#folders();
    writeFileSync(join(conf, 'application.properties'), this.#properties());
    const folder = folderOf(this.release) ?? '';
    const child = spawn(
      'nice',
      [
        ['-n', '10', 'java', '-Xms96m', '-Xmx400m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
        [`-Dnacos.home=${this.#home}`, '-Dnacos.standalone=true', `-Duser.home=${this.#home}`],
        this.release === '3.1.0 with the health fix' ? ['-Dsonde.healthFix=true'] : [],
        ['java.lang', 'java.lang.reflect', 'java.util', 'java.util.concurrent'].flatMap((name) => [
          '--add-opens',
          `java.base/${name}=ALL-UNNAMED`,
        ]),
        ['-cp', `${join(folder, 'classes')}:${join(folder, 'lib')}/*`, this.isV3 ? 'Nacos3' : 'Nacos2'],
        [`--spring.config.additional-location=file:${conf}/`],
      ].flat(),
      { cwd: this.#home, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4_000);
      });
    await until(() => {
      if (child.exitCode !== null) throw new Error(`nacos did not start: ${said}`);
      return this.#takesWrites().catch(() => false);
    });
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

  /** A call past sonde and past the proxy, as admin: status and text. */
  async call(
    method: string,
    path: string,
    query: Readonly<Record<string, string | number | boolean>> = {},
  ): Promise<{ readonly status: number; readonly text: string }> {
    const text = new URLSearchParams(
      Object.entries(query).map(([key, value]) => [key, String(value)]),
    ).toString();
    const response = await fetch(`http://127.0.0.1:${this.#port}/nacos${path}?${text}`, {
      method,
      headers: this.#logins ? { [IDENTITY.key]: IDENTITY.value } : {},
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, text: await response.text() };
  }

  /** As `call`; throws what the server refuses. */
  async do(method: string, path: string, query: Readonly<Record<string, string | number | boolean>> = {}) {
    const { status, text } = await this.call(method, path, query);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text;
  }

  async createNamespace(id: string): Promise<void> {
    const named = { customNamespaceId: id, namespaceName: id };
    if (this.isV3) await this.do('POST', '/v3/admin/core/namespace', { namespaceId: id, ...named });
    else await this.do('POST', '/v1/console/namespaces', named);
  }

  async createAdmin(): Promise<void> {
    const { username, password } = ADMIN;
    if (this.isV3) await this.do('POST', '/v3/auth/user/admin', { password });
    else await this.do('POST', '/v1/auth/users/admin', { username, password });
  }

  /** A user that may read the namespace and nothing else. */
  async createUser(name: string, namespace: string): Promise<{ username: string; password: string }> {
    const user = { username: name, password: 'sonde-test-2' };
    const { users, roles, permissions } = this.#authPaths();
    await this.do('POST', users, user);
    await this.do('POST', roles, { username: name, role: `${name}-role` });
    await this.do('POST', permissions, { role: `${name}-role`, resource: `${namespace}:*:*`, action: 'r' });
    return user;
  }

  async revoke(name: string, namespace: string): Promise<void> {
    const permission = { role: `${name}-role`, resource: `${namespace}:*:*`, action: 'r' };
    await this.do('DELETE', this.#authPaths().permissions, permission);
  }

  #authPaths() {
    const [base, many] = this.isV3 ? ['/v3/auth/', ''] : ['/v1/auth/', 's'];
    return {
      users: `${base}user${many}`,
      roles: `${base}role${many}`,
      permissions: `${base}permission${many}`,
    };
  }

  /** Registers or deregisters a persistent instance: that needs a Raft leader. */
  async #takesWrites(): Promise<boolean> {
    const path = this.isV3 ? '/v3/client/ns/instance' : '/v1/ns/instance';
    const scratch = { namespaceId: 'scratch', serviceName: 'scratch', ip: '127.0.0.1', port: 1 };
    const done = await this.call('POST', path, { ...scratch, ephemeral: false });
    if (done.status !== 200) return false;
    return (await this.call('DELETE', path, { ...scratch, ephemeral: false })).status === 200;
  }

  #folders(): { readonly conf: string } {
    for (const name of ['conf', 'data', 'logs']) mkdirSync(join(this.#home, name), { recursive: true });
    return { conf: join(this.#home, 'conf') };
  }

  #properties(): string {
    return [
      `server.port=${this.#port}`,
      'server.address=127.0.0.1',
      'server.servlet.context-path=/nacos',
      `nacos.server.main.port=${this.#port}`,
      'nacos.server.contextPath=/nacos',
      'nacos.inetutils.ip-address=127.0.0.1',
      'server.tomcat.accesslog.enabled=false',
      `server.tomcat.basedir=${join(this.#home, 'tomcat')}`,
      // Instances that tests register send no heartbeats.
      'nacos.naming.expireInstance=false',
      'db.pool.config.connectionTimeout=60000',
      'nacos.core.auth.system.type=nacos',
      `nacos.core.auth.enabled=${this.#logins}`,
      `nacos.core.auth.admin.enabled=${this.#logins}`,
      'nacos.core.auth.console.enabled=false',
      `nacos.core.auth.server.identity.key=${IDENTITY.key}`,
      `nacos.core.auth.server.identity.value=${IDENTITY.value}`,
      `nacos.core.auth.plugin.nacos.token.secret.key=${Buffer.from('sonde'.repeat(8)).toString('base64')}`,
      // Users and permissions are believed at once, and not after up to 15 s.
      'nacos.core.auth.caching.enabled=false',
      '',
    ].join('\n');
  }
}

/** `describe` for tests that need this release. */
export function describeWithNacos(release: NacosRelease, title: string, tests: () => void): void {
  const missing =
    folderOf(release) === undefined
      ? 'run .ci/servers/nacos.sh'
      : programPath('java') === undefined
        ? 'no program java'
        : undefined;
  const why = missing === undefined ? undefined : `Nacos ${release}: ${missing}`;
  describeUnless('nacos', why, title, tests, release);
}

function folderOf(release: NacosRelease): string | undefined {
  const cache = process.env.SONDE_SERVERS ?? join(homedir(), '.cache/sonde-servers');
  const folder = join(cache, `nacos-${release.slice(0, 5)}`);
  return existsSync(join(folder, 'ready')) && existsSync(join(folder, 'classes')) ? folder : undefined;
}

/** Passes bytes on to a port, or refuses, delays and cuts them. */
class FaultProxy {
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;
  delay = 0;
  cut: number | undefined;

  private constructor(to: number) {
    this.#to = to;
  }

  static async start(to: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(to);
    await proxy.accept();
    return proxy;
  }

  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((from) => this.#pass(from));
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(server, 'close');
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  #pass(from: Socket): void {
    const to = connect(this.#to, '127.0.0.1');
    let passed = 0;
    for (const socket of [from, to]) {
      this.#sockets.add(socket);
      socket.on('error', () => {
        from.destroy();
        to.destroy();
      });
      socket.on('close', () => {
        this.#sockets.delete(socket);
        from.destroy();
        to.destroy();
      });
    }
    from.on('data', (chunk: Buffer) => to.write(chunk));
    to.on('data', (chunk: Buffer) => {
      const part = this.cut === undefined ? chunk : chunk.subarray(0, Math.max(0, this.cut - passed));
      passed += chunk.length;
      const send = (): void => {
        if (from.destroyed) return;
        from.write(part);
        if (part.length < chunk.length) from.destroy();
      };
      if (this.delay > 0) setTimeout(send, this.delay);
      else send();
    });
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('nacos did not come up');
}

/** A main port beside which those of Raft (1000 below) and gRPC (1000 and 1001 above) are free as well. */
async function freePorts(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const free = await Promise.all([port, port - 1_000, port + 1_000, port + 1_001].map(isFree));
    if (free.every(Boolean)) return port;
  }
  throw new Error('no free ports');
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
