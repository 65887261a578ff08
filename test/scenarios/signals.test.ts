import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, request } from 'undici';
import { afterAll, expect, it } from 'vitest';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';

const scope = new AsyncDisposableStack();
afterAll(() => scope.disposeAsync());

const PATIENCE = { timeout: 30_000, interval: 50 };

/** A provider that accepts connections and says nothing. */
async function silent(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function start(config: string) {
  const dir = tempDir(scope);
  const file = join(dir, 'sonde.yaml');
  const port = await silent();
  const instances = [{ host: '127.0.0.1', port }];
  writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services: [{ name: 'web', instances }] }));
  const socket = join(dir, 's');
  const head = `version: 1
server: { listen: 127.0.0.1:0, socket: ${socket} }
registries: [{ name: local, kind: file, path: ./providers.yaml }]
`;
  const write = (text: string): void => writeFileSync(file, `${head}${text}`);
  write(config);
  const sonde = new SondeProcess(['run', '-c', file]);
  scope.defer(async () => void (await sonde.signal('SIGKILL')));
  let api = '';
  await expect.poll(() => (api = /"main":"(http:[^"]+)"/.exec(sonde.err)?.[1] ?? ''), PATIENCE).not.toBe('');
  return { sonde, write, api, socket };
}

const said = (sonde: SondeProcess, words: string): number => sonde.err.split(`"msg":"${words}`).length - 1;

async function metric(api: string, name: string): Promise<number> {
  const { body } = await request(`${api}/metrics`);
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(await body.text())?.[1]);
}

const SLOW =
  'checks: [{ name: web, probe: { kind: http }, interval: 40s, timeout: 30s }]\nreload: { every: 0s }\n';
const QUICK = 'checks: [{ name: web, probe: { kind: tcp }, interval: 200ms }]\nreload: { every: 0s }\n';

it('SIGHUP reads the configuration again; a bad one changes nothing, is told once and shown', async () => {
  const { sonde, write, api } = await start(QUICK);
  await expect.poll(() => metric(api, 'sonde_targets'), PATIENCE).toBe(1);
  write(`${QUICK}polices: []\n`);
  for (let i = 0; i < 3; i++) {
    sonde.poke('SIGHUP');
    await expect.poll(() => metric(api, 'sonde_config_last_reload_successful'), PATIENCE).toBe(0);
  }
  expect(said(sonde, 'The configuration was not reloaded')).toBe(1);
  expect(sonde.err).toContain('did you mean');
  const { body } = await request(`${api}/v1/configuration`);
  const { rejected } = (await body.json()) as { readonly rejected: { readonly text: string } };
  expect(rejected.text).toMatch(/SND1003.*\n.*sonde\.yaml:6:1/);
  expect(await metric(api, 'sonde_targets')).toBe(1);
  write(`${QUICK}# again\n`);
  sonde.poke('SIGHUP');
  await expect.poll(() => metric(api, 'sonde_config_last_reload_successful'), PATIENCE).toBe(1);
  expect(await sonde.signal('SIGTERM')).toBe(0);
}, 60_000);

it('the first signal drains, and with nothing to wait for ends with 0', async () => {
  const { sonde } = await start(QUICK);
  expect(await sonde.signal('SIGINT')).toBe(0);
  expect(said(sonde, 'Draining')).toBe(1);
  expect(said(sonde, 'sonde has stopped')).toBe(1);
}, 60_000);

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s a second time ends at once what still drains, with %i',
  async (signal, code) => {
    const { sonde, api, socket } = await start(SLOW);
    await expect.poll(() => metric(api, 'sonde_targets'), PATIENCE).toBe(1);
    const { body } = await request(`${api}/v1/instances`);
    const [one] = ((await body.json()) as { readonly items: readonly { readonly id: string }[] }).items;
    // A look that lasts half a minute begins.
    const client = new Client('http://localhost', { socketPath: socket });
    scope.defer(() => client.close());
    const asked = await client.request({ method: 'POST', path: `/v1/instances/${one?.id}/probe` });
    expect(asked.statusCode).toBe(202);
    await expect.poll(() => metric(api, 'sonde_probes_in_flight'), PATIENCE).toBeGreaterThan(0);
    sonde.poke(signal);
    await expect.poll(() => said(sonde, 'Draining'), PATIENCE).toBe(1);
    expect(await sonde.signal(signal)).toBe(code);
  },
  60_000,
);
