import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { b64, EtcdServer } from '../support/etcd-server.ts';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';

const PREFIX = '/sonde/';
const SERVICES = 20;
const EACH = 10;
const PATIENCE = { timeout: 90_000, interval: 250 };

type Kind = 'well' | 'flaky' | 'refusing' | 'useless';

/** The health that an instance of the kind must have. */
const TRUTH: Readonly<Record<Kind, string>> = {
  well: 'healthy',
  flaky: 'sub-healthy',
  refusing: 'dead',
  useless: 'dead',
};
/** What may ever be written of it on the way there. */
const ALLOWED: Readonly<Record<Kind, readonly string[]>> = {
  well: ['healthy'],
  flaky: ['sub-healthy'],
  refusing: ['dead'],
  useless: ['sub-healthy', 'dead'],
};

/** A provider on a port of its own, whose illness can change. */
class Provider {
  readonly service: string;
  readonly name: string;
  kind: Kind;
  port = 0;
  #server: Server | undefined;
  #requests = 0;

  constructor(service: string, name: string, kind: Kind) {
    this.service = service;
    this.name = name;
    this.kind = kind;
  }

  get key(): string {
    return `${PREFIX}default/${this.service}/${this.name}`;
  }

  async start(): Promise<void> {
    const server = createServer((_request, response) => {
      const ill = this.kind === 'useless' || (this.kind === 'flaky' && this.#requests++ % 2 === 0);
      response.writeHead(ill ? 500 : 200).end();
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    if (this.kind === 'refusing') await this.stop();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An independent client that writes down every health that ever stands in etcd. */
class Recorder {
  readonly seen = new Map<string, string[]>();
  readonly #stop = new AbortController();

  follow(server: EtcdServer): void {
    const run = async (): Promise<void> => {
      while (!this.#stop.signal.aborted) {
        try {
          // Whatever is written after the listing comes by the watch, also what is written before the watch is there.
          const from = (await server.revision()) + 1n;
          for (const [key, value] of await server.all(PREFIX)) this.#note(key, value);
          const { body } = await request(`${server.endpoint}/v3/watch`, {
            method: 'POST',
            body: JSON.stringify({
              create_request: { key: b64(PREFIX), range_end: b64('/sonde0'), start_revision: String(from) },
            }),
            signal: this.#stop.signal,
            bodyTimeout: 0,
          });
          let rest = '';
          for await (const chunk of body as AsyncIterable<Buffer>) {
            const lines = (rest + chunk.toString()).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) this.#line(line);
          }
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    };
    void run();
  }

  stop(): void {
    this.#stop.abort();
  }

  #line(line: string): void {
    const { result } = JSON.parse(line) as {
      result?: { events?: { type?: string; kv: { key: string; value?: string } }[] };
    };
    for (const { type, kv } of result?.events ?? []) {
      if (type === 'DELETE' || kv.value === undefined) continue;
      this.#note(Buffer.from(kv.key, 'base64').toString(), Buffer.from(kv.value, 'base64').toString());
    }
  }

  #note(key: string, value: string): void {
    const health = (JSON.parse(value) as { sonde?: { health: string } }).sonde?.health;
    if (health === undefined) return;
    const list = this.seen.get(key) ?? [];
    this.seen.set(key, list);
    if (list.at(-1) !== health) list.push(health);
  }
}

function kindOf(service: number, instance: number): Kind {
  if (instance === 6) return 'flaky';
  if (instance === 7) return 'refusing';
  return instance === 9 && service < 5 ? 'useless' : 'well';
}

describeWith('etcd', 'etcd', 'the main job against a real etcd', () => {
  it('has every state right through kills of etcd and of sonde, and never wrote a wrong one', async () => {
    await using scope = new AsyncDisposableStack();
    const etcd = await EtcdServer.start(scope);
    const providers = Array.from({ length: SERVICES * EACH }, (_, index) => {
      const service = Math.floor(index / EACH);
      return new Provider(`service-${service}`, `i${index % EACH}`, kindOf(service, index % EACH));
    });
    scope.defer(async () => {
      await Promise.all(providers.map((provider) => provider.stop()));
    });
    await Promise.all(providers.map((provider) => provider.start()));
    const register = (provider: Provider): Promise<void> =>
      etcd.put(provider.key, { host: '127.0.0.1', port: provider.port, metadata: { name: provider.name } });
    await Promise.all(providers.map(register));

    const recorder = new Recorder();
    recorder.follow(etcd);
    scope.defer(() => recorder.stop());

    const config = join(mkdtempSync(join(tmpdir(), 'sonde-scenario-')), 'sonde.yaml');
    writeFileSync(config, configFor(etcd.endpoint));
    let sonde = new SondeProcess(['run', '-c', config]);
    scope.defer(async () => {
      await sonde.signal('SIGKILL');
    });

    const states = async (): Promise<Record<string, string | undefined>> => {
      const all = await etcd.all(PREFIX).catch(() => new Map<string, string>());
      return Object.fromEntries(
        providers.map(({ key }) => [
          key,
          (JSON.parse(all.get(key) ?? '{}') as { sonde?: { health: string } }).sonde?.health,
        ]),
      );
    };
    const truth = (): Record<string, string> =>
      Object.fromEntries(providers.map(({ key, kind }) => [key, TRUTH[kind]]));
    const allRight = () => expect.poll(states, PATIENCE).toEqual(truth());

    await allRight();

    // etcd dies while one provider dies: it is written when etcd is back.
    const victim = providers[10 + 0] as Provider;
    await etcd.kill();
    victim.kind = 'refusing';
    await victim.stop();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await etcd.start();
    await allRight();

    // sonde is killed while one that refused comes up: the marks carry it over, and the recovery is written.
    await sonde.signal('SIGKILL');
    const risen = providers[20 + 7] as Provider;
    risen.kind = 'well';
    await risen.start();
    sonde = new SondeProcess(['run', '-c', config]);
    await allRight();

    // Providers come, go, and register anew, which wipes out what stood there.
    const gone = providers.splice(30, 2);
    for (const { key } of gone) await etcd.delete(key);
    const fresh = new Provider('service-3', 'new', 'flaky');
    await fresh.start();
    providers.push(fresh);
    await register(fresh);
    const again = providers[0] as Provider;
    await register(again);
    await allRight();
    expect((await etcd.get(again.key))?.metadata).toEqual({ name: again.name });
    for (const { key } of gone) expect(await etcd.get(key)).toBeUndefined();

    expect(await sonde.signal('SIGTERM')).toBe(0);
    for (const provider of [...providers, ...gone]) {
      const seen = recorder.seen.get(provider.key) ?? [];
      if (provider === victim) expect(seen).toEqual(expect.arrayContaining(['healthy', 'dead']));
      else if (provider === risen) expect(seen).toEqual(['dead', 'sub-healthy', 'healthy']);
      else
        expect(
          seen.filter((health) => !ALLOWED[provider.kind].includes(health)),
          `${provider.key}: ${seen.join()}`,
        ).toEqual([]);
    }
    expect(recorder.seen.get(victim.key)?.at(-1)).toBe('dead');
  }, 300_000);
});

function configFor(endpoint: string): string {
  return `
version: 1
server: { listen: "127.0.0.1:0" }
registries:
  - name: etcd
    kind: etcd
    endpoints: ["${endpoint}"]
    timeout: 2s
    write: { mode: apply }
defaults: { interval: 1s, timeout: 900ms, connectTimeout: 500ms, rule: ten }
rules:
  ten: { kind: success-rate, window: { count: 10 } }
checks:
  - name: http
    probe: { kind: http, path: /healthz, expect: { status: 2xx } }
engine: { perHost: 64 }
`;
}
