import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { serve } from '../support/json-server.ts';
import { SondeProcess, sonde } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Receiver } from '../webhooks/receiver.ts';

/** Of the second kind a receiver is sent some, on purpose: in its headers, never in what it is told. */
const SECRET = 'Tr0ub4dor';

const scope = new AsyncDisposableStack();
afterAll(() => scope.disposeAsync());

/** In a hook there is no `expect.poll`. */
const until = (holds: () => unknown): Promise<void> =>
  vi.waitFor(() => expect(Boolean(holds())).toBe(true), { timeout: 60_000, interval: 50 });
const ENV = { PLANTED: `${SECRET}env`, SONDE_TOKEN_FILE: '' };

let dir: string;
let config: string;
let running: SondeProcess;
let api: string;
let receiver: Receiver;
let id: string;

function text(more = ''): string {
  return `version: 1
server: { listen: 127.0.0.1:0, socket: ${join(dir, 's')}, tokenFile: ./token }
state: { dir: ./var }
reload: { every: 0s }
registries:
  - { name: local, kind: file, path: ./providers.yaml, write: { mode: apply } }
  - { name: far, kind: etcd, endpoints: ["http://127.0.0.1:1"], username: root, password: ${SECRET}etcd, insecure: true }
  - { name: store, kind: redis, addresses: ["127.0.0.1:1"], password: ${SECRET}redis, insecure: true }
  - { name: sd, kind: http-sd, url: "http://127.0.0.1:1/", username: u, password: "\${env:PLANTED}", insecure: true }
checks:
  - name: web
    probe:
      kind: http
      path: "/?key=\${file:./secret}"
      auth: { bearer: { token: ${SECRET}bearer }, insecure: true }
      headers: { X-Api-Key: ${SECRET}header }
    interval: 100ms
webhooks:
  - name: pager
    url: "${receiver.url.replace('//', `//me:${SECRET}url@`)}"
    secret: [${SECRET}one, ${SECRET}two]
    headers: { X-Odd: ${SECRET}odd }
    insecure: true
  - { name: gone, url: "http://127.0.0.1:1/${SECRET}path", secretFile: ./secret }
${more}`;
}

beforeAll(async () => {
  dir = tempDir(scope);
  receiver = await Receiver.start(scope);
  // A provider that is there, and one that is not.
  const { port } = new URL(await serve(scope, () => ({ status: 200, body: 'ok' })));
  const instances = [
    { host: '127.0.0.1', port: Number(port) },
    { host: '127.0.0.1', port: 1 },
  ];
  writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services: [{ name: 'web', instances }] }));
  writeFileSync(join(dir, 'secret'), `${SECRET}file\n`);
  writeFileSync(join(dir, 'token'), `${SECRET}token0123456789012345678901234567890\n`, { mode: 0o600 });
  config = join(dir, 'sonde.yaml');
  writeFileSync(config, text());
  running = new SondeProcess(['run', '-c', config, '--log-level', 'debug'], ENV);
  scope.defer(async () => void (await running.signal('SIGKILL')));
  await until(() => (api = /"main":"(http:[^"]+)"/.exec(running.err)?.[1] ?? ''));
  // Dead, written, told to the webhook, and the other one failed.
  await until(() => receiver.got.some(({ event }) => event.data.to === 'dead'));
  await until(() => running.err.includes('A webhook does not take events'));
  const { body } = await request(`${api}/v1/instances?health=dead`);
  id = ((await body.json()) as { readonly items: readonly { readonly id: string }[] }).items[0]?.id ?? '';
}, 90_000);

/** With what stands around it, where there is one. */
function leaks(said: string): readonly string[] {
  return [...said.matchAll(new RegExp(`.{0,80}${SECRET}.{0,40}`, 'gi'))].map(([found]) => found);
}

describe('no secret is shown', () => {
  it.each(['text', 'concise', 'json', 'github'])(
    'by validate as %s, of what is right and wrong',
    async (format) => {
      const wrong = join(dir, 'wrong.yaml');
      const broken = text(
        `  - { name: odd, secert: ${SECRET}x }\n  - { name: pager, url: 7, secret: ${SECRET}y, timeout: 5 }\n`,
      );
      writeFileSync(wrong, broken.replace('interval: 100ms', 'interval: 100'));
      for (const [file, code] of [
        [config, 0],
        [wrong, 1],
      ] as const) {
        const told = await sonde(['validate', '--format', format, file], ENV);
        expect([told.code, leaks(told.out), leaks(told.err)]).toEqual([code, [], []]);
        if (code === 1) expect(`${told.out}${told.err}`).toContain('SND');
      }
    },
  );

  it('by config render', async () => {
    for (const more of [[], ['--show-origin'], ['-o', 'json']]) {
      const told = await sonde(['config', 'render', '-c', config, ...more], ENV);
      expect(told.code).toBe(0);
      expect(told.out).toContain('webhooks');
      expect(leaks(told.out)).toEqual([]);
    }
  });

  it.each([
    '/v1/summary',
    '/v1/services',
    '/v1/instances',
    '/v1/events?limit=1000',
    '/v1/writes',
    '/v1/configuration',
    '/v1/interventions',
    '/openapi.json',
    '/metrics',
    '/metrics/instances',
    '/health/web',
    '/readyz',
    '/v1/instances/ID',
    '/v1/instances/ID/explain',
    '/v1/nothing',
  ])('by %s', async (path) => {
    const { body } = await request(`${api}${path.replace('ID', id)}`);
    const said = await body.text();
    expect(said.length).toBeGreaterThan(10);
    expect(leaks(said)).toEqual([]);
  });

  it('by the stream', async () => {
    const { body } = await request(`${api}/v1/stream`);
    let said = '';
    for await (const piece of body) {
      said += String(piece);
      if (said.includes('event: snapshot') && said.includes('\n\n')) break;
    }
    expect(said).toContain('connect-refused');
    expect(leaks(said)).toEqual([]);
  });

  it.each([
    ['get', 'instances', '-o', 'json'],
    ['get', 'events', '-o', 'yaml'],
    ['get', 'writes', '-o', 'wide'],
    ['get', 'services', '-o', 'jsonl'],
    ['explain', '127.0.0.1:1'],
    ['explain', '127.0.0.1:1', '-o', 'json'],
    ['status'],
    ['pause', 'web', '--reason', 'x', '--for', '1h'],
    ['resume', 'web'],
    ['probe', '127.0.0.1:1'],
  ])('by sonde %s %s %s', async (...words) => {
    const told = await sonde([...words, '--server', `unix:${join(dir, 's')}`], ENV);
    expect(told.out.length).toBeGreaterThan(10);
    expect(leaks(`${told.out}${told.err}`)).toEqual([]);
  });

  it('by doctor, diff and check', async () => {
    for (const words of [
      ['doctor', '-c', config, '--server', api],
      ['diff', '-c', config, '--server', api],
      ['check', '-c', config, 'web', '-v'],
    ]) {
      const told = await sonde(words, ENV);
      expect(`${told.out}${told.err}`.length).toBeGreaterThan(10);
      expect([words[0], leaks(`${told.out}${told.err}`)]).toEqual([words[0], []]);
    }
  });

  it('by a reload that is rejected, wherever it is shown', async () => {
    writeFileSync(
      config,
      text(`  - { name: odd, secert: ${SECRET}x }\n  - { name: pager, url: 7, secret: ${SECRET}y }\n`),
    );
    const client = new Client('http://localhost', { socketPath: join(dir, 's') });
    scope.defer(() => client.close());
    const { statusCode, body } = await client.request({ method: 'POST', path: '/-/reload' });
    const said = await body.text();
    expect(statusCode).toBe(422);
    expect(said).toContain('secert');
    expect(leaks(said)).toEqual([]);
    for (const path of ['/v1/configuration', '/v1/events']) {
      const { body } = await request(`${api}${path}`);
      expect(leaks(await body.text())).toEqual([]);
    }
    writeFileSync(config, text());
  });

  it('by what webhooks are told, by the log, and by what is kept on disk', async () => {
    expect(receiver.got.length).toBeGreaterThan(0);
    expect(receiver.got.flatMap(({ raw }) => leaks(raw))).toEqual([]);
    await running.signal('SIGTERM');
    expect(running.err).toContain('sonde has stopped');
    expect(leaks(`${running.out}${running.err}`)).toEqual([]);
    const kept = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && !['secret', 'token', 'sonde.yaml', 'wrong.yaml'].includes(one.name))
      .map((one) => join(one.parentPath, one.name));
    expect(kept.length).toBeGreaterThan(2);
    for (const file of kept) expect([file, leaks(readFileSync(file, 'latin1'))]).toEqual([file, []]);
  });
});
