import { existsSync } from 'node:fs';
import { link, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '../../src/api/listen.ts';
import { type Limits, serve } from '../../src/api/serve.ts';
import { systemClock as clock } from '../../src/app/system-clock.ts';
import { ApiBench } from './bench.ts';

/** The machine may be busy. */
const PATIENT = { timeout: 10_000 };

let scope: AsyncDisposableStack;
let bench: ApiBench;
let folder: string;
beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = new ApiBench();
  folder = await mkdtemp(join(tmpdir(), 'sonde-api-'));
});
afterEach(async () => {
  await scope.disposeAsync();
  await rm(folder, { recursive: true });
});

async function listen(limits: Partial<Limits> = {}): Promise<number> {
  const { api, log } = bench;
  const address = { host: '127.0.0.1', port: 0 };
  const served = await serve({ door: 'main', address, limits }, { api, log, clock, scope });
  if (served.kind === 'failed' || 'path' in served.address) throw new Error('does not listen');
  return served.address.port;
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  scope.defer(() => {
    socket.destroy();
  });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** Everything the server says to raw bytes, until it closes. */
async function say(port: number, bytes: string): Promise<string> {
  const socket = dial(port);
  socket.write(bytes);
  return text(socket);
}

describe('the listener', () => {
  it('answers GET and HEAD', async () => {
    const base = `http://127.0.0.1:${await listen()}`;
    const got = await fetch(`${base}/livez`);
    expect(got.status).toBe(200);
    expect(await got.json()).toEqual({ alive: true });
    expect(got.headers.get('cache-control')).toBe('no-store');
    expect(got.headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of ['/livez', '/metrics']) {
      const head = await fetch(`${base}${path}`, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
    }
    expect((await fetch(`${base}/nowhere`, { method: 'HEAD' })).status).toBe(404);
  });

  it('streams in order and lets others have their turn between the pieces', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `probe_success{target="host-${i}"} 1\n`);
    let turns = 0;
    let made = 0;
    const count = (): void => {
      turns++;
      if (made < lines.length) setImmediate(count);
    };
    bench.pieces = (function* () {
      setImmediate(count);
      for (const line of lines) {
        made++;
        yield line;
      }
    })();
    const got = await fetch(`http://127.0.0.1:${await listen()}/metrics/instances`);
    expect(await got.text()).toBe(lines.join(''));
    expect(turns).toBeGreaterThan(5);
  });

  it('makes no more than a client reads, and stops when it leaves', async () => {
    let made = 0;
    let stopped = false;
    bench.pieces = (function* () {
      try {
        for (; made < 1_000; made++) yield 'x'.repeat(100_000);
      } finally {
        stopped = true;
      }
    })();
    const socket = dial(await listen());
    socket.write('GET /metrics/instances HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    await expect.poll(() => made, PATIENT).toBeGreaterThan(0);
    let before = -1;
    while (before !== made) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(made).toBeLessThan(900);
    expect(stopped).toBe(false);
    socket.destroy();
    await expect.poll(() => stopped, PATIENT).toBe(true);
    expect(made).toBeLessThan(900);
  });

  it('breaks off an answer that fails half-way, and logs why', async () => {
    bench.pieces = (function* () {
      yield 'x'.repeat(100_000);
      throw new Error('half-way');
    })();
    const got = await fetch(`http://127.0.0.1:${await listen()}/metrics/instances`);
    await expect(got.text()).rejects.toThrow();
    expect(bench.log.lines.at(-1)).toMatchObject({ level: 'error', fields: { error: 'Error: half-way' } });
  });

  it('lets a last answer end when it closes', async () => {
    const port = await listen();
    // Not the scope's: it is to outlive the listener.
    const socket = connect(port, '127.0.0.1');
    let more: (() => void) | undefined;
    bench.pieces = (function* () {
      yield 'x'.repeat(70_000);
      more?.();
      yield 'the end';
    })();
    const closing = new Promise<void>((resolve) => {
      more = () => resolve(scope.disposeAsync());
    });
    socket.write('GET /metrics/instances HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await text(socket)).toContain('the end');
    await closing;
    scope = new AsyncDisposableStack();
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });

  it('says when it cannot listen', async () => {
    const port = await listen();
    const { api, log } = bench;
    const address = { host: '127.0.0.1', port };
    expect(await serve({ door: 'main', address }, { api, log, clock, scope })).toEqual({
      kind: 'failed',
      reason: `127.0.0.1:${port}: somebody else listens there`,
    });
  });
});

describe('the unix socket', () => {
  const start = (path: string): ReturnType<typeof serve> => {
    const { api, log } = bench;
    const address: Address = { path };
    return serve({ door: 'socket', address }, { api, log, clock, scope });
  };
  const post = (socketPath: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(
        { socketPath, method: 'POST', path: '/v1/instances/x/probe' },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      request.on('error', reject).end();
    });

  it("is its owner's alone, needs no token, and goes when it closes", async () => {
    const path = join(folder, 'sonde.sock');
    expect(await start(path)).toEqual({ kind: 'listening', address: { path } });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await post(path)).toBe(404);
    expect(bench.probed).toEqual(['x']);
    expect(await start(path)).toEqual({ kind: 'failed', reason: `${path}: somebody else listens there` });
    await scope.disposeAsync();
    scope = new AsyncDisposableStack();
    expect(existsSync(path)).toBe(false);
  });

  it('takes the place of one that a killed process left, but of no other file', async () => {
    const path = join(folder, 'sonde.sock');
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(path, resolve));
    // As after kill -9: the file stays, nobody listens.
    await link(path, `${path}.kept`);
    await new Promise((resolve) => left.close(resolve));
    await rename(`${path}.kept`, path);
    expect((await start(path)).kind).toBe('listening');
    const file = join(folder, 'file');
    await writeFile(file, 'precious');
    expect(await start(file)).toMatchObject({ kind: 'failed' });
    expect(existsSync(file)).toBe(true);
  });
});

describe('a hostile client', () => {
  it.each([
    ['garbage', '\u0016\u0003\u0001 what\r\n\r\n', 400, 'bad-request'],
    [
      'a long URL',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['no Host', 'GET /livez HTTP/1.1\r\n\r\n', 400, undefined],
    [
      'a large body told of',
      'POST /v1/instances/x/probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n',
      413,
      'body-too-large',
    ],
    [
      'a large body not told of',
      `POST /v1/instances/x/probe HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n${'x'.repeat(70_000)}`,
      413,
      'body-too-large',
    ],
    [
      'both lengths',
      'POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'bad-request',
    ],
  ])('with %s', async (_, bytes, status, name) => {
    const said = await say(await listen(), bytes);
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (name !== undefined) expect(said).toContain(`"type":"urn:sonde:problem:${name}"`);
    expect(said).not.toMatch(/ at .*\.ts/);
    expect(bench.probed).toEqual([]);
  });

  it('with slow header fields', async () => {
    const port = await listen({ headersTimeout: 200 });
    const socket = dial(port);
    socket.write('GET /livez HTTP/1.1\r\nHost: localh');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 .*urn:sonde:problem:request-timeout/s);
  });

  it('with a slow body', async () => {
    const port = await listen({ headersTimeout: 200, requestTimeout: 300 });
    const socket = dial(port);
    socket.write('POST /v1/instances/x/probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 /);
    expect(bench.probed).toEqual([]);
  });

  it('that says nothing', async () => {
    const socket = dial(await listen({ idleTimeout: 200 }));
    expect(await text(socket)).toMatch(/^$|^HTTP\/1.1 408 /);
  });

  it('with more connections than there may be', async () => {
    const port = await listen({ maxConnections: 3 });
    const sockets = Array.from({ length: 3 }, () => dial(port));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (const socket of sockets) socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
    expect(await say(port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')).toBe('');
    sockets[0]?.destroy();
    await expect
      .poll(() => say(port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'), PATIENT)
      .toContain('alive');
  });
});
