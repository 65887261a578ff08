import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const PATIENCE = { timeout: 90_000, interval: 500 };

describeWith('prometheus', 'prometheus', 'a real Prometheus scrapes a running sonde', () => {
  it('answers the dashboard’s queries, and fires when a provider dies', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'sonde-prometheus-'));
    const providers = await Promise.all(Array.from({ length: 2 }, () => listen(scope)));
    const instances = providers.map(({ port }) => ({ host: '127.0.0.1', port }));
    writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services: [{ name: 'web', instances }] }));
    const [sondePort, prometheusPort] = [await freePort(), await freePort()];
    writeFileSync(join(dir, 'sonde.yaml'), configFor(sondePort));
    const sonde = new SondeProcess(['run', '-c', join(dir, 'sonde.yaml')]);
    scope.defer(async () => {
      await sonde.signal('SIGKILL');
    });
    // The shipped files, only faster: scraped and evaluated every second, and `for` a thirtieth of what it is.
    const shipped = (name: string): string => readFileSync(join(DEPLOY, 'prometheus', name), 'utf8');
    const faster = (text: string): string =>
      text.replace(
        /for: (\d+)(s|m)/g,
        (_all, count: string, unit: string) =>
          `for: ${Math.ceil((Number(count) * (unit === 'm' ? 60 : 1)) / 30)}s`,
      );
    writeFileSync(join(dir, 'rules.yml'), shipped('rules.yml'));
    writeFileSync(join(dir, 'alerts.yml'), faster(shipped('alerts.yml')));
    const config = shipped('prometheus.yml')
      .replaceAll('127.0.0.1:9811', `127.0.0.1:${sondePort}`)
      .replace(/(_interval): 15s/g, '$1: 1s')
      .replace('60s', '1s')
      .replace(
        'scrape_configs:\n',
        `scrape_configs:
  - job_name: providers
    http_sd_configs: [{ url: "http://127.0.0.1:${sondePort}/v1/sd/prometheus?service=web", refresh_interval: 1s }]
`,
      );
    writeFileSync(join(dir, 'prometheus.yml'), config);
    const prometheus = spawn(
      'prometheus',
      [
        '--config.file',
        join(dir, 'prometheus.yml'),
        '--storage.tsdb.path',
        join(dir, 'data'),
        '--web.listen-address',
        `127.0.0.1:${prometheusPort}`,
      ],
      { stdio: 'ignore' },
    );
    scope.defer(() => void prometheus.kill('SIGKILL'));

    const ask = async (path: string): Promise<unknown> => {
      const { body } = await request(`http://127.0.0.1:${prometheusPort}/api/v1/${path}`);
      return ((await body.json()) as { data: unknown }).data;
    };
    const query = async (expr: string): Promise<readonly { value: [number, string] }[]> =>
      (
        (await ask(`query?query=${encodeURIComponent(expr)}`)) as {
          result: readonly { value: [number, string] }[];
        }
      ).result;
    const firing = async (): Promise<readonly string[]> => {
      const { alerts } = (await ask('alerts')) as {
        alerts: readonly { state: string; labels: { alertname: string } }[];
      };
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    };
    const number = (expr: string) =>
      query(expr).then(
        (result) => Number(result[0]?.value[1]),
        () => Number.NaN,
      );

    await expect.poll(() => number('sum(sonde_instances{health="healthy"})'), PATIENCE).toBe(2);
    const discovered = async (): Promise<readonly string[]> => {
      const { activeTargets } = (await ask('targets?state=active')) as {
        activeTargets: readonly { discoveredLabels: Readonly<Record<string, string>> }[];
      };
      return activeTargets
        .map(
          ({ discoveredLabels: one }) =>
            `${one.__address__} ${one.__meta_sonde_service} ${one.__meta_sonde_health}`,
        )
        .filter((text) => text.includes(' web '));
    };
    const expected = providers.map(({ port }) => `127.0.0.1:${port} web healthy`);
    await expect.poll(async () => (await discovered()).toSorted(), PATIENCE).toEqual(expected.toSorted());
    // Until its first scrape Prometheus rightly misses a sonde.
    await expect.poll(() => firing().catch(String), PATIENCE).toEqual([]);
    await providers[0]?.stop();
    await expect
      .poll(() => firing().catch(() => []), PATIENCE)
      .toEqual(expect.arrayContaining(['SondeInstancesDead', 'SondeServiceHalfDead']));

    const { panels } = JSON.parse(readFileSync(join(DEPLOY, 'grafana/sonde.json'), 'utf8')) as {
      panels: readonly { title: string; targets: readonly { expr: string }[] }[];
    };
    const values: string[] = [];
    for (const { title, targets } of panels) {
      for (const { expr } of targets) {
        const result = await query(expr.replaceAll('$job', '.*').replaceAll('$registry', '.*'));
        values.push(
          `${title}: ${result.map(({ value }) => Number(value[1]).toPrecision(3)).join(', ') || 'no series'}`,
        );
      }
    }
    process.stdout.write(`${values.join('\n')}\n`);
    // Only what the guard would hold and shadow rules, of which there are none, have nothing to show here.
    const empty = values.filter((line) => line.endsWith('no series'));
    expect([...new Set(empty.map((line) => line.split(':')[0]))]).toEqual([
      'Held instances by reason',
      'Shadow rules that disagree',
    ]);
  }, 240_000);
});

async function listen(
  scope: AsyncDisposableStack,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const server: Server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  scope.defer(stop);
  return { port: (server.address() as AddressInfo).port, stop };
}

async function freePort(): Promise<number> {
  await using scope = new AsyncDisposableStack();
  return (await listen(scope)).port;
}

function configFor(port: number): string {
  return `
version: 1
server: { listen: "127.0.0.1:0", telemetry: "127.0.0.1:${port}" }
registries:
  - { name: local, kind: file, path: providers.yaml, write: { mode: apply } }
checks:
  - { name: web, probe: { kind: http }, interval: 500ms, timeout: 400ms }
`;
}
