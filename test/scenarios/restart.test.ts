import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, expect, it } from 'vitest';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';

const scope = new AsyncDisposableStack();
afterAll(() => scope.disposeAsync());

const PATIENCE = { timeout: 30_000, interval: 50 };

interface View {
  readonly id: string;
  readonly port: number;
  readonly health: string;
  readonly since: string;
  readonly flags: readonly string[];
  readonly checks: readonly { readonly total: number }[];
}

async function serveWith(
  statusOf: () => number,
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((_, response) => response.writeHead(statusOf()).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Every content the status file ever had, as `port health`, read as fast as it can be. */
function record(file: string): { readonly seen: Map<string, string[]>; readonly stop: () => void } {
  const seen = new Map<string, string[]>();
  const look = (): void => {
    try {
      const { instances } = JSON.parse(readFileSync(file, 'utf8')) as {
        instances: Record<string, { health: string }>;
      };
      for (const [key, { health }] of Object.entries(instances)) {
        const port = key.split(':').at(-1) ?? '';
        const before = seen.get(port) ?? [];
        if (before.at(-1) !== health) seen.set(port, [...before, health]);
      }
    } catch {
      // Not there yet.
    }
  };
  const timer = setInterval(look, 5);
  return { seen, stop: () => clearInterval(timer) };
}

async function addressOf(sonde: SondeProcess): Promise<string> {
  let address = '';
  await expect
    .poll(() => (address = /"main":"(http:[^"]+)"/.exec(sonde.err)?.[1] ?? ''), PATIENCE)
    .not.toBe('');
  return address;
}

it('is killed at any moment and goes on where it was: nothing flips, no window begins anew', async () => {
  const dir = tempDir(scope);
  let turn = 0;
  const well = await Promise.all(Array.from({ length: 6 }, () => serveWith(() => 200)));
  const flaky = await serveWith(() => (turn++ % 2 === 0 ? 500 : 200));
  const refusing = await serveWith(() => 200);
  await new Promise((resolve) => refusing.server.close(resolve));
  const ports = [...well, flaky, refusing].map(({ port }) => port);
  const providers = join(dir, 'providers.yaml');
  writeFileSync(
    providers,
    JSON.stringify({
      services: [{ name: 'web', instances: ports.map((port) => ({ host: '127.0.0.1', port })) }],
    }),
  );
  const config = join(dir, 'sonde.yaml');
  const socket = join(dir, 'sonde.sock');
  writeFileSync(
    config,
    `version: 1
server: { listen: 127.0.0.1:0, socket: ${socket} }
state: { dir: ./var }
registries: [{ name: local, kind: file, path: ./providers.yaml, write: { mode: apply } }]
rules: { standard: { kind: success-rate, window: { count: 20 } } }
checks: [{ name: web, probe: { kind: http, path: / }, interval: 400ms, timeout: 200ms, connectTimeout: 100ms }]
`,
  );
  const { seen, stop } = record(join(dir, 'providers.status.json'));
  scope.defer(stop);
  const start = async (): Promise<{
    sonde: SondeProcess;
    views: () => Promise<readonly View[]>;
    api: string;
  }> => {
    const sonde = new SondeProcess(['run', '-c', config]);
    scope.defer(async () => void (await sonde.signal('SIGKILL')));
    const api = await addressOf(sonde);
    const views = async (): Promise<readonly View[]> => {
      const { body } = await request(`${api}/v1/instances`);
      return ((await body.json()) as { items: readonly View[] }).items;
    };
    return { sonde, views, api };
  };
  const judged = (views: readonly View[]): readonly string[] =>
    views.map(({ id, health, since, flags }) => `${id} ${health} ${since} ${flags.join()}`);
  const full = (views: readonly View[]): boolean =>
    views.length === ports.length &&
    views.every(({ checks, health }) => health === 'dead' || checks[0]?.total === 20);

  let running = await start();
  await expect.poll(async () => full(await running.views()), PATIENCE).toBe(true);
  const before = judged(await running.views());
  expect(before.filter((line) => line.includes(' healthy '))).toHaveLength(6);
  expect(before.filter((line) => line.includes(' sub-healthy '))).toHaveLength(1);
  expect(before.filter((line) => line.includes(' dead '))).toHaveLength(1);
  for (let round = 0; round < 6; round++) {
    // A little more than a second after the last flush and a little less, and in between.
    await new Promise((resolve) => setTimeout(resolve, 1_050 + round * 170));
    await running.sonde.signal('SIGKILL');
    running = await start();
    await expect.poll(async () => (await running.views()).length, PATIENCE).toBe(ports.length);
    expect(judged(await running.views())).toEqual(before);
    await expect
      .poll(async () => (await running.views()).every(({ checks }) => (checks[0]?.total ?? 0) > 0), PATIENCE)
      .toBe(true);
    // The window goes on: it never held fewer than what a second of outcomes is.
    expect(full(await running.views())).toBe(true);
  }
  await running.sonde.signal('SIGKILL');
  stop();
  const writes = new Map([...seen].map(([port, healths]) => [Number(port), healths]));
  for (const { port } of well) expect([port, writes.get(port)]).toEqual([port, ['healthy']]);
  expect(writes.get(flaky.port)).toEqual(['sub-healthy']);
  expect(writes.get(refusing.port)).toEqual(['dead']);
}, 120_000);
