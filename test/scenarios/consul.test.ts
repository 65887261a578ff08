import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ConsulServer } from '../support/consul-server.ts';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';

const PATIENCE = { timeout: 60_000, interval: 250 };
const PAGE = join(import.meta.dirname, '../../docs/migrating-from-consul-esm.md');

/** A provider on a port of its own, registered by somebody on a node without an agent. */
class Provider {
  readonly service: string;
  readonly kind: 'HTTP' | 'TCP';
  readonly id: string;
  port = 0;
  #server: Server | undefined;

  constructor(service: string, kind: 'HTTP' | 'TCP', n: number) {
    this.service = service;
    this.kind = kind;
    this.id = `${service}-${n}`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/health?deep=1' ? 200 : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** As it is done for consul-esm: critical until somebody has looked. */
  async register(consul: ConsulServer): Promise<void> {
    const target = `127.0.0.1:${this.port}`;
    const what = this.kind === 'HTTP' ? { HTTP: `http://${target}/health?deep=1` } : { TCP: target };
    await consul.call('PUT', '/v1/catalog/register', {
      Node: `ext-${this.id}`,
      Address: '127.0.0.1',
      NodeMeta: { 'external-node': 'true' },
      // Where consumers go is not where the check looks.
      Service: { ID: this.id, Service: this.service, Address: '127.0.0.1', Port: 1 },
      Checks: [
        {
          CheckID: `service:${this.id}`,
          Name: 'as defined',
          Status: 'critical',
          Output: 'not looked at yet',
          ServiceID: this.id,
          Definition: { ...what, Interval: '10s', Timeout: '5s' },
        },
      ],
    });
  }
}

/** The configuration that the page shows, for this server and in a hurry. */
function shown(endpoint: string, mode: string): string {
  const [, block = ''] = /```yaml\n(version: 1[\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  const config = block
    .replace('http://127.0.0.1:8500', endpoint)
    .replace(/mode: dry-run.*/, `mode: ${mode} }`)
    .replaceAll('interval: 10s', 'interval: 1s')
    .replaceAll('timeout: 5s', 'timeout: 800ms');
  return `${config}\nserver: { listen: "127.0.0.1:0" }\n`;
}

describeWith('consul', 'consul', 'in the place of consul-esm, with the configuration of its page', () => {
  it('keeps the checks of external nodes right, and gives them back', async () => {
    await using scope = new AsyncDisposableStack();
    const consul = await ConsulServer.start(scope);
    const providers = [
      ...[1, 2, 3, 4].map((n) => new Provider('shop', 'HTTP', n)),
      ...[1, 2, 3, 4].map((n) => new Provider('queue', 'TCP', n)),
    ];
    scope.defer(async () => {
      await Promise.all(providers.map((provider) => provider.stop()));
    });
    await Promise.all(providers.map((provider) => provider.start()));
    for (const provider of providers) await provider.register(consul);

    const config = join(mkdtempSync(join(tmpdir(), 'sonde-consul-')), 'sonde.yaml');
    writeFileSync(config, shown(consul.endpoint, 'apply'));
    const sonde = new SondeProcess(['run', '-c', config]);
    scope.defer(async () => {
      await sonde.signal('SIGKILL');
    });

    const checks = async (): Promise<Record<string, string>> => {
      const all = (await consul.call('GET', '/v1/health/state/any').catch(() => [])) as {
        CheckID: string;
        Status: string;
        Output: string;
      }[];
      return Object.fromEntries(
        all
          .filter(({ CheckID }) => CheckID !== 'serfHealth')
          .map(({ CheckID, Status, Output }) => [CheckID, `${Status} ${Output.split(/[: ]/)[0]}`]),
      );
    };
    const truth = (dead: readonly Provider[]) =>
      Object.fromEntries(
        providers.map((one) => [`service:${one.id}`, `${dead.includes(one) ? 'critical' : 'passing'} sonde`]),
      );
    const allRight = (...dead: Provider[]) =>
      expect.poll(checks, { ...PATIENCE, message: sonde.err }).toEqual(truth(dead));
    const [shop, , , , queue] = providers;
    if (shop === undefined || queue === undefined) throw new Error('no providers');

    await allRight();
    await shop.stop();
    await allRight(shop);
    // The registrar registers it again, which wipes out what stood there.
    await shop.register(consul);
    await allRight(shop);
    // Consul dies while one dies and another comes back.
    await consul.kill();
    await queue.stop();
    await shop.start();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await consul.start();
    await allRight(queue);

    writeFileSync(config, shown(consul.endpoint, 'observe'));
    sonde.poke('SIGHUP');
    const before = Object.fromEntries(providers.map(({ id }) => [`service:${id}`, 'critical not']));
    await expect.poll(checks, PATIENCE).toEqual(before);
    expect(await sonde.signal('SIGTERM')).toBe(0);
  }, 180_000);
});
