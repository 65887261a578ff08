import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { NacosHarness } from '../support/nacos-harness.ts';
import { describeWithNacos, NacosServer } from '../support/nacos-server.ts';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';

const PATIENCE = { timeout: 60_000, interval: 250 };

/** A provider on a port of its own. */
class Provider {
  #port = 0;
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((_, response) => response.writeHead(200).end());
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  get key(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function config(server: NacosServer, mode: string, web: NacosHarness, db: NacosHarness): string {
  return `
version: 1
server: { listen: "127.0.0.1:0" }
registries:
  - name: nacos
    kind: nacos
    servers: ["${server.url}"]
    namespaces: [{ id: ${web.namespace}, name: shop }, { id: ${db.namespace}, name: data }]
    poll: 500ms
    fullPoll: 1s
    restartGrace: 5s
    write: { mode: ${mode} }
rules:
  quick: { kind: consecutive, rise: 2, fall: 2 }
checks:
  - name: all
    match: { namespace: "*" }
    probe: { kind: http, path: / }
    interval: 1s
    timeout: 1s
    rule: quick
`;
}

describeWithNacos('3.1.0', 'beside a Nacos 3.1.0', () => {
  it('takes dead ones out, gives everything back, and leaves the healthy and the operator alone', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await NacosServer.start(scope, '3.1.0');
    const shop = await NacosHarness.on(server, true);
    const data = await NacosHarness.on(server, false);
    const providers = Array.from({ length: 6 }, () => new Provider());
    scope.defer(async () => {
      await Promise.all(providers.map((provider) => provider.stop()));
    });
    await Promise.all(providers.map((provider) => provider.start()));
    const [first, second, third, fourth, db, other] = providers as [
      Provider,
      Provider,
      Provider,
      Provider,
      Provider,
      Provider,
    ];
    for (const { key } of [first, second, third, fourth]) await shop.put('web', key, { weight: 2 });
    for (const { key } of [db, other]) await data.put('db', key, { metadata: { zone: 'a' } });
    const file = join(tempDir(scope), 'sonde.yaml');
    writeFileSync(file, config(server, 'apply', shop, data));
    const sonde = new SondeProcess(['run', '-c', file]);
    scope.defer(async () => {
      await sonde.signal('SIGKILL');
    });
    const api = async (path: string): Promise<string> => {
      const base = /"main":"(http:[^"]+)"/.exec(sonde.err)?.[1] ?? '';
      return base === '' ? '' : request(`${base}${path}`).then(({ body }) => body.text());
    };
    const seen = (provider: Provider) => shop.seen('web', provider.key);

    await expect.poll(() => api('/v1/summary'), PATIENCE).toContain('"healthy":6');
    await expect.poll(() => api('/metrics'), PATIENCE).toMatch(/sonde_writes_total\{[^}]*unchanged"\} 6/);
    // Those that are healthy as they registered are left alone.
    expect((await shop.bytes()) + (await data.bytes())).not.toContain('sonde');

    await first.stop();
    await db.stop();
    await expect.poll(() => seen(first), PATIENCE).toMatchObject({ enabled: false, weight: 2 });
    await expect
      .poll(() => data.seen('db', db.key), PATIENCE)
      .toMatchObject({
        healthy: false,
        enabled: true,
        metadata: { zone: 'a' },
      });
    await expect.poll(() => api('/v1/instances?service=db'), PATIENCE).toContain('"served":"unhealthy"');
    await first.start();
    await expect.poll(() => seen(first), PATIENCE).toMatchObject({ enabled: true, weight: 2 });

    // The operator takes one out; it dies and comes back, and stays out.
    await shop.setValues('web', second.key, { weight: 2, enabled: false });
    await second.stop();
    // Nacos is away while another one dies.
    await server.outage();
    await third.stop();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await server.recover();
    await expect
      .poll(() => seen(third), { ...PATIENCE, message: sonde.err })
      .toMatchObject({ enabled: false });
    await second.start();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await seen(second)).toMatchObject({ enabled: false, weight: 2 });
    expect(await seen(fourth)).toMatchObject({ enabled: true, metadata: {} });

    writeFileSync(file, config(server, 'observe', shop, data));
    sonde.poke('SIGHUP');
    await expect
      .poll(async () => (await shop.bytes()) + (await data.bytes()), PATIENCE)
      .not.toContain('sonde');
    for (const provider of [first, third, fourth])
      expect(await seen(provider)).toMatchObject({ enabled: true, weight: 2, metadata: {} });
    expect(await seen(second)).toMatchObject({ enabled: false });
    expect(await data.seen('db', db.key)).toMatchObject({ healthy: true, metadata: { zone: 'a' } });
    expect(await sonde.signal('SIGTERM')).toBe(0);
  }, 240_000);
});
