/** A real Eureka server on loopback (.ci/servers/eureka.sh), which tests freeze, kill and start again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { request } from 'undici';
import { endNow } from './end-now.ts';
import { freePort } from './free-port.ts';
import { cachedServer } from './server-cache.ts';
import { programPath } from './servers.ts';

export interface Provider {
  readonly host: string;
  readonly port: number;
  readonly status?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly leaseSeconds?: number;
  /** Milliseconds since 1970 at which the provider last changed, as its client says it. */
  readonly changedAt?: number;
}

/** Undefined, or why there is none on this machine. */
export function whyNoEureka(): string | undefined {
  if (cachedServer('eureka', 'ready') === undefined)
    return 'Eureka was not installed: run .ci/servers/eureka.sh';
  return programPath('java') === undefined ? 'no program java' : undefined;
}

export class EurekaServer {
  readonly port: number;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, flags: readonly string[]) {
    this.port = port;
    this.#flags = flags;
  }

  /** Gone with all it knows when the scope ends. `flags` are properties, `--eureka.server.…=…`. */
  static async start(scope: AsyncDisposableStack, ...flags: string[]): Promise<EurekaServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new EurekaServer(await freePort(), flags);
      scope.defer(() => server.kill());
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else took the port meanwhile.
        if (attempt === 3) throw error;
        await server.kill();
      }
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/eureka`;
  }

  /** Starts it (again), without what it knew. */
  async start(): Promise<void> {
    const folder = cachedServer('eureka', 'ready') ?? '';
    const child = spawn(
      programPath('java') ?? 'java',
      [
        ['-Xmx160m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
        ['-cp', `${join(folder, 'classes')}:${join(folder, 'lib')}/*`, 'EurekaMain'],
        [`--server.port=${this.port}`, '--server.address=127.0.0.1', '--logging.level.root=WARN'],
        // It is its own peer, and knows that: otherwise it sends itself again what it was told.
        ['--eureka.instance.hostname=127.0.0.1', `--eureka.client.service-url.defaultZone=${this.url}/`],
        ['--eureka.client.register-with-eureka=false', '--eureka.client.fetch-registry=false'],
        ['--eureka.server.use-read-only-response-cache=false', '--spring.main.banner-mode=off'],
        this.#flags,
      ].flat(),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4_000);
      });
    for (let attempt = 0; attempt < 1_200 && child.exitCode === null; attempt++) {
      if ((await this.call('GET', '/apps').catch(() => undefined))?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`Eureka did not start: ${said}`);
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

  /** Somebody else's client, past sonde. */
  async call(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await request(
      path.startsWith('/test') ? `http://127.0.0.1:${this.port}${path}` : this.url + path,
      {
        method: method as 'GET',
        headers: { accept: 'application/json', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headersTimeout: 10_000,
        // Leaves no idle connection behind, which a test that counts sockets would see.
        reset: true,
      },
    );
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  /** As a provider registers: `id` is its instance id. */
  async register(
    app: string,
    id: string,
    { host, port, status = 'UP', metadata, leaseSeconds = 90, changedAt }: Provider,
  ) {
    const instance = {
      instanceId: id,
      app: app.toUpperCase(),
      hostName: host,
      ipAddr: host,
      status,
      port: { $: port, '@enabled': 'true' },
      vipAddress: app,
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: leaseSeconds },
      ...(metadata === undefined ? {} : { metadata }),
      ...(changedAt === undefined ? {} : { lastDirtyTimestamp: String(changedAt) }),
    };
    await this.#did('POST', `/apps/${app}`, { instance });
  }

  /** As a provider's client renews: false where the server wants it to register again. */
  async renew(app: string, id: string, changedAt: number): Promise<boolean> {
    const { status } = await this.call(
      'PUT',
      `${this.#path(app, id)}?status=UP&lastDirtyTimestamp=${changedAt}`,
    );
    return status === 200;
  }

  async cancel(app: string, id: string): Promise<void> {
    await this.call('DELETE', this.#path(app, id));
  }

  /** An operator's. */
  async override(app: string, id: string, status: string): Promise<void> {
    await this.#did('PUT', `${this.#path(app, id)}/status?value=${status}`);
  }

  async liftOverride(app: string, id: string, status: string): Promise<void> {
    await this.#did('DELETE', `${this.#path(app, id)}/status?value=${status}`);
  }

  async setMetadata(app: string, id: string, key: string, value: string): Promise<void> {
    await this.#did('PUT', `${this.#path(app, id)}/metadata?${key}=${encodeURIComponent(value)}`);
  }

  /** The server's memory of the override ends, as it does an hour after it was last used. */
  async forgetOverride(id: string): Promise<string> {
    return (await this.call('POST', `/test/an-hour-later?id=${encodeURIComponent(id)}`)).text;
  }

  async instance(app: string, id: string): Promise<ToldInstance | undefined> {
    const { status, text } = await this.call('GET', this.#path(app, id));
    return status === 200 ? (JSON.parse(text) as { instance: ToldInstance }).instance : undefined;
  }

  async instances(): Promise<readonly ToldInstance[]> {
    const { text } = await this.call('GET', '/apps');
    const { applications } = JSON.parse(text) as {
      applications: { application: { instance: ToldInstance[] }[] };
    };
    return applications.application.flatMap(({ instance }) => instance);
  }

  #path(app: string, id: string): string {
    return `/apps/${app.toUpperCase()}/${id}`;
  }

  async #did(method: string, path: string, body?: object): Promise<void> {
    const { status, text } = await this.call(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  }
}

/** What the server tells of an instance, as far as tests look at it. */
export interface ToldInstance {
  readonly app: string;
  readonly instanceId: string;
  readonly status: string;
  readonly overriddenStatus: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly leaseInfo: { readonly registrationTimestamp: number };
}
