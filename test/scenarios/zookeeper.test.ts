/** The running program between providers of Dubbo and a real ZooKeeper: rules come, survive an outage, and all go again. */

import { mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';
import { Peer, ZOOKEEPER_PROGRAM, ZookeeperServer } from '../support/zookeeper-server.ts';

const PATIENCE = { timeout: 60_000, interval: 250 };
const CART = 'com.shop.Cart';

class Provider {
  port = 0;
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }
}

const config = (server: ZookeeperServer, mode: string): string => `
version: 1
server: { listen: "127.0.0.1:0" }
registries:
  - name: dubbo
    kind: zookeeper
    servers: ["${server.address}"]
    timeout: 2s
    write: { mode: ${mode}, perInstanceEvery: 100ms }
checks:
  - name: port
    match: { service: "*" }
    probe: { kind: tcp }
    interval: 500ms
    timeout: 400ms
    connectTimeout: 300ms
    rule: quick
rules:
  quick: { kind: consecutive, rise: 2, fall: 2 }
`;

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'sonde beside a ZooKeeper of Dubbo', () => {
  it('rules out what is dead, through an outage too, and takes it all back', {
    timeout: 180_000,
  }, async () => {
    await using scope = new AsyncDisposableStack();
    const server = await ZookeeperServer.start(scope, { tick: 2_000 });
    const providers = [1, 2, 3, 4].map(() => new Provider());
    scope.defer(async () => {
      await Promise.all(providers.map((provider) => provider.stop()));
    });
    for (const provider of providers) await provider.start();
    // One session that outlives the outage, as those of providers do.
    const dubbo = await Peer.open([server], scope);
    for (const { address } of providers) {
      const url = `dubbo://${address}/${CART}?interface=${CART}&side=provider`;
      await dubbo.put(`/dubbo/${CART}/providers/${encodeURIComponent(url)}`, '', true);
    }
    const path = join(mkdtempSync(join(tmpdir(), 'sonde-zookeeper-')), 'sonde.yaml');
    writeFileSync(path, config(server, 'apply'));
    const sonde = new SondeProcess(['run', '-c', path]);
    scope.defer(async () => {
      await sonde.signal('SIGKILL');
    });

    const disabled = async (): Promise<readonly string[]> => {
      const rules = await dubbo.children(`/dubbo/${CART}/configurators`).catch(() => ['unknown']);
      return rules
        .map(decodeURIComponent)
        .filter((rule) => rule.includes('disabled=true'))
        .map((rule) => /\/\/([^/]+)\//.exec(rule)?.[1] ?? rule)
        .sort();
    };
    const marks = async (): Promise<number> =>
      (await dubbo.children(`/sonde/dubbo/default:${CART}`).catch(() => [])).length;
    const [a, b] = providers;
    if (a === undefined || b === undefined) throw new Error('no providers');

    await expect.poll(marks, { ...PATIENCE, message: sonde.err }).toBe(4);
    expect(await disabled()).toEqual([]);
    await a.stop();
    await expect.poll(disabled, PATIENCE).toEqual([a.address]);
    // ZooKeeper dies while one dies and another comes back.
    await server.kill();
    await b.stop();
    await a.start();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await server.start();
    await expect.poll(disabled, PATIENCE).toEqual([b.address]);

    writeFileSync(path, config(server, 'observe'));
    sonde.poke('SIGHUP');
    await expect.poll(marks, PATIENCE).toBe(0);
    expect(await disabled()).toEqual([]);
    expect(await dubbo.children(`/dubbo/${CART}/providers`)).toHaveLength(4);
    expect(await dubbo.children('/dubbo/config/dubbo')).toEqual([]);
    expect(await sonde.signal('SIGTERM')).toBe(0);
  });
});
