import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { KUBE_APISERVER, KubeApiserver } from '../support/kube-apiserver.ts';
import { Cluster } from '../support/kube-cluster.ts';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';

const PATIENCE = { timeout: 60_000, interval: 100 };

/** An application in a Pod whose address is 127.0.0.1, on a port of its own. */
class Application {
  port = 0;
  flaky = false;
  #server: Server | undefined;
  #requests = 0;

  async start(): Promise<void> {
    const server = createServer((_request, response) => {
      response.writeHead(this.flaky && this.#requests++ % 2 === 0 ? 500 : 200).end();
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}

describeWith('kube-apiserver', KUBE_APISERVER, 'a running sonde with a cluster', () => {
  it('gates Pods by what it finds, through outages, and lets go of them', { timeout: 240_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const server = await KubeApiserver.start(scope);
    const cluster = new Cluster(server);
    const applications = new Map(['a', 'b', 'c', 'd'].map((name) => [name, new Application()]));
    for (const [name, application] of applications) {
      await application.start();
      scope.defer(() => application.stop());
      const labels = { 'app.kubernetes.io/name': 'web' };
      await cluster.createPod(name, { ip: '127.0.0.1', port: application.port, labels });
    }
    const dir = tempDir(scope);
    const listen = `127.0.0.1:${await freePort()}`;
    const config = (mode: string): string =>
      JSON.stringify({
        version: 1,
        server: { listen },
        registries: [
          {
            name: 'cluster',
            kind: 'kubernetes',
            server: server.url,
            tokenFile: server.adminTokenFile,
            tls: { caFile: server.caFile },
            source: 'pods',
            namespaces: ['default'],
            write: { mode, perInstanceEvery: '100ms' },
          },
        ],
        rules: { quick: { kind: 'success-rate', window: { count: 10 } } },
        checks: [
          {
            name: 'http',
            probe: { kind: 'http', path: '/' },
            interval: '200ms',
            timeout: '150ms',
            rule: 'quick',
          },
        ],
      });
    const file = join(dir, 'sonde.json');
    writeFileSync(file, config('apply'));
    const run = (): SondeProcess => {
      const sonde = new SondeProcess(['run', '-c', file]);
      scope.defer(async () => {
        await sonde.signal('SIGKILL');
      });
      return sonde;
    };
    const states = async (): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const name of applications.keys()) {
        const condition = await cluster.condition(name);
        found[name] = condition === undefined ? 'none' : `${condition.status} ${condition.reason}`;
      }
      return found;
    };
    const become = (wanted: Record<string, string>): Promise<void> =>
      expect.poll(() => states().catch(String), PATIENCE).toEqual(wanted) as unknown as Promise<void>;
    const up = 'True Healthy';
    const of = (name: string): Application => applications.get(name) ?? new Application();

    let sonde = run();
    await become({ a: up, b: up, c: up, d: up });
    of('b').flaky = true;
    await of('c').stop();
    await become({ a: up, b: 'True SubHealthy', c: 'False Dead', d: up });

    // What happens while the apiserver is away is written when it is back.
    await server.kill();
    await of('c').start();
    await of('d').stop();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await server.start();
    await become({ a: up, b: 'True SubHealthy', c: up, d: 'False Dead' });

    // A sonde that is killed and started again writes nothing anew while nothing has changed.
    await sonde.signal('SIGKILL');
    const before = await cluster.bytes();
    sonde = run();
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(await cluster.bytes()).toBe(before);

    writeFileSync(file, config('observe'));
    sonde.poke('SIGHUP');
    const released = 'True Released';
    await become({ a: released, b: released, c: released, d: released });
    expect(sonde.err).not.toContain('"level":60');
  });
});
