import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppBench } from '../support/app-bench.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { certificates } from '../support/lab/certificates.ts';
import { tempDir } from '../support/temp-dir.ts';

const { good, wrongName } = certificates();
let scope: AsyncDisposableStack;
let certFile: string;
let keyFile: string;
let bench: AppBench;

beforeEach(() => {
  scope = new AsyncDisposableStack();
  const dir = tempDir(scope);
  certFile = join(dir, 'tls.crt');
  keyFile = join(dir, 'tls.key');
  use(good);
  bench = new AppBench({
    registry: new FakeRegistry(),
    look: () => ({ kind: 'pass' }),
    config: {
      server: {
        listen: { host: '127.0.0.1', port: 0 },
        telemetry: { host: '127.0.0.1', port: 0 },
        tokenFile: join(dir, 'token'),
        tls: { certFile, keyFile },
        names: ['prober.internal'],
      },
    },
  });
  bench.start();
});
afterEach(async () => {
  await bench.stop();
  await scope.disposeAsync();
});

function use({ cert, key }: { readonly cert: string; readonly key: string }): void {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
}

function ask(method: string, path: string, headers: Readonly<Record<string, string>> = {}) {
  const main = bench.app.addresses.get('main');
  if (main === undefined || 'path' in main) throw new Error('it does not listen');
  return new Promise<{ readonly status: number; readonly serial: string }>((resolve, reject) => {
    const { host, port } = main;
    const asked = request({ host, port, path, method, headers, rejectUnauthorized: false, agent: false });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, serial }));
    });
    asked.end();
  });
}

it('listens with TLS where a certificate is given, but for telemetry', async () => {
  expect(await bench.app.listen()).toBe(undefined);
  expect((await ask('GET', '/livez')).status).toBe(200);
  const telemetry = bench.app.addresses.get('telemetry');
  if (telemetry === undefined || 'path' in telemetry) throw new Error('no telemetry');
  expect((await fetch(`http://127.0.0.1:${telemetry.port}/livez`)).status).toBe(200);
});

it('takes a new certificate with a reload, and rejects the reload where it cannot be used', async () => {
  await bench.app.listen();
  const { serial } = await ask('GET', '/livez');
  writeFileSync(keyFile, wrongName.key);
  bench.rewrite({ revision: 'half', checks: [] });
  const half = await bench.app.reloader.reload('test');
  expect(half).toMatchObject({ kind: 'rejected', text: expect.stringContaining('server.tls') as string });
  expect((await ask('GET', '/livez')).serial).toBe(serial);
  expect(bench.app.board.summary().registries).toHaveLength(1);
  use(wrongName);
  bench.rewrite({ revision: 'whole' });
  expect((await bench.app.reloader.reload('test')).kind).toBe('applied');
  expect((await ask('GET', '/livez')).serial).not.toBe(serial);
});

it('does not start with a certificate that is none', async () => {
  writeFileSync(certFile, 'nothing');
  expect(await bench.app.listen()).toContain('TLS');
});

it('knows itself under the names it was given, and under no other', async () => {
  await bench.app.listen();
  // 401: the name was taken, and the token is missing.
  expect((await ask('POST', '/-/reload', { host: 'prober.internal:9810' })).status).toBe(401);
  expect((await ask('POST', '/-/reload', { host: 'rebound.example' })).status).toBe(403);
});
