import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { ConsulServer } from '../support/consul-server.ts';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';

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

const RULES = 'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }';
const AGENT = 'agent_prefix "" { policy = "read" }';
const ROOT = '11111111-2222-3333-4444-555555555555';

/** Services of an agent, with a token. */
function beside(endpoint: string, tokenFile: string): string {
  return `
version: 1
server: { listen: "127.0.0.1:0" }
registries:
  - name: consul
    kind: consul
    endpoints: ["${endpoint}"]
    tokenFile: ${tokenFile}
    insecure: true
    wait: 2s
    agents: own
    write: { mode: apply }
rules:
  quick: { kind: consecutive, rise: 2, fall: 2 }
checks:
  - name: web
    match: { service: web }
    probe: { kind: http, path: "/health?deep=1" }
    interval: 500ms
    timeout: 400ms
    rule: quick
`;
}

async function metric(sonde: SondeProcess, name: string): Promise<number> {
  const api = /"main":"(http:[^"]+)"/.exec(sonde.err)?.[1] ?? '';
  const text = await request(`${api}/metrics`).then(({ body }) => body.text());
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
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

describeWith('consul', 'consul', 'beside an agent, with a token that loses its permission', () => {
  it('forgets nobody while it may not see them, says so, and goes on afterwards', async () => {
    await using scope = new AsyncDisposableStack();
    const consul = await ConsulServer.start(scope, { root: ROOT });
    const providers = [1, 2, 3, 4].map((n) => new Provider('web', 'HTTP', n));
    scope.defer(async () => {
      await Promise.all(providers.map((provider) => provider.stop()));
    });
    await Promise.all(providers.map((provider) => provider.start()));
    for (const { id, port } of providers)
      await consul.call('PUT', '/v1/agent/service/register', {
        ID: id,
        Name: 'web',
        Address: '127.0.0.1',
        Port: port,
      });
    const token = await consul.token(`${RULES} ${AGENT}`);
    const dir = tempDir(scope);
    writeFileSync(join(dir, 'token'), token.secret);
    writeFileSync(join(dir, 'sonde.yaml'), beside(consul.endpoint, join(dir, 'token')));
    const sonde = new SondeProcess(['run', '-c', join(dir, 'sonde.yaml')]);
    scope.defer(async () => {
      await sonde.signal('SIGKILL');
    });
    const serving = async (): Promise<number> =>
      ((await consul.call('GET', '/v1/health/service/web?passing')) as unknown[]).length;
    const marked = async (): Promise<number> =>
      ((await consul.call('GET', '/v1/health/state/any')) as { CheckID: string }[]).filter(({ CheckID }) =>
        CheckID.startsWith('sonde:web'),
      ).length;
    await expect.poll(marked, { ...PATIENCE, message: sonde.err }).toBe(4);
    const [first, second] = providers;
    await first?.stop();
    await expect.poll(serving, PATIENCE).toBe(3);

    const known = await metric(sonde, 'sonde_instances');
    await token.setRules(AGENT);
    await expect.poll(() => metric(sonde, 'sonde_registry_up'), PATIENCE).toBe(0);
    await second?.stop();
    await expect
      .poll(() => metric(sonde, 'sonde_registry_snapshot_age_seconds'), PATIENCE)
      .toBeGreaterThan(5);
    expect(await metric(sonde, 'sonde_instances')).toBe(known);
    expect(await marked()).toBe(4);
    expect(sonde.err).toContain('forbidden');

    await token.setRules(`${RULES} ${AGENT}`);
    await expect.poll(() => metric(sonde, 'sonde_registry_up'), PATIENCE).toBe(1);
    await expect.poll(serving, PATIENCE).toBe(2);
    await first?.start();
    await expect.poll(serving, PATIENCE).toBe(3);
  }, 180_000);
});
