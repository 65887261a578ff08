import { request } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Certificate, serve } from '../../src/api/serve.ts';
import { systemClock as clock } from '../../src/app/system-clock.ts';
import { certificates } from '../support/lab/certificates.ts';
import { ApiBench } from './bench.ts';

const bench = new ApiBench();
const { good, wrongName } = certificates();
let scope: AsyncDisposableStack;
beforeEach(() => {
  scope = new AsyncDisposableStack();
});
afterEach(() => scope.disposeAsync());

function pem({ cert, key }: { readonly cert: string; readonly key: string }): Certificate {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

function start(tls: () => Certificate): ReturnType<typeof serve> {
  const { api, log } = bench;
  const limits = { headersTimeout: 500 };
  return serve(
    { door: 'main', address: { host: '127.0.0.1', port: 0 }, tls, limits },
    { api, log, clock, scope },
  );
}

/** What is answered, and by whom. */
function ask(port: number): Promise<readonly [string, PeerCertificate]> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path: '/livez',
      rejectUnauthorized: false,
      agent: false,
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const shown = (response.socket as TLSSocket).getPeerCertificate();
      text(response).then((body) => resolve([body, shown]), reject);
    });
    asked.end();
  });
}

it('speaks TLS, and takes another certificate without closing', async () => {
  let current = good;
  const served = await start(() => pem(current));
  if (served.kind === 'failed' || 'path' in served.address) throw new Error('does not listen');
  const { address, renewTls } = served;
  const [body, before] = await ask(address.port);
  expect(body).toContain('alive');
  current = wrongName;
  expect(renewTls?.()).toBeUndefined();
  const [, after] = await ask(address.port);
  expect(after.fingerprint256).not.toBe(before.fingerprint256);
  // A bad one changes nothing.
  current = { ...good, key: 'no key' };
  expect(renewTls?.()).toEqual(expect.any(String));
  expect((await ask(address.port))[1].fingerprint256).toBe(after.fingerprint256);
});

it('answers nobody who speaks no TLS or does not finish its handshake', async () => {
  const served = await start(() => pem(good));
  if (served.kind === 'failed' || 'path' in served.address) throw new Error('does not listen');
  const { port } = served.address;
  for (const bytes of ['GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n', '\u0016']) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    socket.write(bytes);
    expect(await text(socket).catch(() => '')).not.toContain('alive');
  }
  expect((await ask(port))[0]).toContain('alive');
});

it('does not listen with a certificate that is none', async () => {
  expect(await start(() => pem({ cert: 'x', key: 'y' }))).toMatchObject({
    kind: 'failed',
    reason: expect.stringMatching(/^127\.0\.0\.1:0: TLS: /),
  });
});
