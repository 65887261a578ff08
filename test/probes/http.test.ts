import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { httpProbe } from '../../src/probes/http.ts';
import { inStatusSet, parseStatusRange } from '../../src/probes/status-set.ts';
import { describeProbe } from '../contracts/probe.contract.ts';
import { certificates } from '../support/lab/certificates.ts';
import { behaviours, blackHole, http, https, tcp, tls } from '../support/lab/servers.ts';
import { decode, instanceAt, issuesOf, makeProbe, type Place, probeDeps } from '../support/probe-bench.ts';
import { tempDir } from '../support/temp-dir.ts';

const ANSWERS = {
  refuse: 'connect-refused',
  blackHole: 'connect-timeout',
  hang: 'request-timeout',
  resetAtOnce: ['connect-reset', 'response-reset'],
  resetMidByte: 'response-reset',
  byteASecond: 'request-timeout',
  endlessBody: 'pass',
  informationalFlood: 'request-timeout',
  garbage: 'protocol',
  halfClose: 'response-reset',
} as const;

describeProbe(httpProbe, {
  options: {},
  good: (scope) => http(scope, (_request, response) => response.end('ok')),
  answers: ANSWERS,
});

describeProbe(httpProbe, {
  options: { connection: 'fresh', tls: { insecure: true } },
  good: (scope) => https(scope, certificates().good, (_request, response) => response.end('ok')),
  serve: (scope, behave) => tls(scope, certificates().good, behave),
  answers: { ...ANSWERS, resetAtOnce: ['tls-handshake', 'response-reset'] },
});

describe('http', () => {
  const json = { a: { b: [{ 'odd name': 'yes' }, 2] } };

  it.each<[string, object, Partial<Outcome>]>([
    ['passes what is below 400', {}, { kind: 'pass' }],
    [
      'status, with what was expected',
      { expect: { status: [404, '5xx'] } },
      { cause: 'status', detail: 'status 200, expected 404, 500-599' },
    ],
    ['status ranges', { expect: { status: '200-204' } }, { kind: 'pass' }],
    ['body contains', { path: '/json', expect: { body: { contains: 'odd' } } }, { kind: 'pass' }],
    [
      'body does not contain',
      { path: '/json', expect: { body: { contains: 'even' } } },
      { cause: 'expectation' },
    ],
    ['body matches', { path: '/json', expect: { body: { regex: '"b":\\[' } } }, { kind: 'pass' }],
    [
      'json at a path',
      { path: '/json', expect: { body: { json: { path: "$.a.b[0]['odd name']", equals: 'yes' } } } },
      { kind: 'pass' },
    ],
    [
      'json at a negative index',
      { path: '/json', expect: { body: { json: { path: '$.a.b[-1]', equals: 2 } } } },
      { kind: 'pass' },
    ],
    [
      'json at no place',
      { path: '/json', expect: { body: { json: { path: '$.c', equals: 1 } } } },
      { cause: 'expectation' },
    ],
    [
      'no json',
      { path: '/', expect: { body: { json: { path: '$', equals: 1 } } } },
      { detail: 'body is not JSON' },
    ],
    ['header', { expect: { headers: { 'X-Version': { equals: '7' } } } }, { kind: 'pass' }],
    [
      'header missing',
      { expect: { headers: { 'x-nothing': { equals: '7' } } } },
      { detail: 'header x-nothing is missing' },
    ],
    ['no redirect is followed unless asked', { path: '/moved', expect: { status: 302 } }, { kind: 'pass' }],
    ['a redirect', { path: '/moved', redirects: 1, expect: { body: { contains: 'odd' } } }, { kind: 'pass' }],
    [
      'a loop of redirects ends',
      { path: '/loop', redirects: 3, expect: { status: '2xx' } },
      { cause: 'status' },
    ],
    [
      'method, headers, body and host arrive',
      {
        method: 'POST',
        path: '/echo',
        headers: { 'x-a': '${instance.service}' },
        body: 'hello',
        host: 'shop.test',
        expect: { body: { contains: 'POST shop.test s hello' } },
      },
      { kind: 'pass' },
    ],
    [
      'a redirect that was to be followed and cannot be',
      { path: '/loop', redirects: 3 },
      { cause: 'status' },
    ],
    ['a status set of one', { expect: { status: '200' } }, { kind: 'pass' }],
    [
      'header by expression',
      { expect: { headers: { 'x-version': { regex: '^[0-9]$' } } } },
      { kind: 'pass' },
    ],
    [
      'header contains',
      { expect: { headers: { 'x-version': { contains: '8' } } } },
      { cause: 'expectation' },
    ],
    ['a body of exactly maxBody', { maxBody: 4, expect: { body: { regex: '^fine$' } } }, { kind: 'pass' }],
    ['no body at all', { method: 'HEAD', maxBody: 0 }, { kind: 'pass' }],
    ['nothing of a body', { maxBody: 0 }, { kind: 'pass' }],
    [
      'a template without a value for the path',
      { path: '/${instance.metadata.path}' },
      { kind: 'skip', cause: 'plugin-error' },
    ],
    ['a template without a value for the host', { host: '${instance.metadata.host}' }, { kind: 'skip' }],
    [
      'maxBody cuts',
      { path: '/json', maxBody: 5, expect: { body: { contains: 'odd' } } },
      { detail: 'body does not contain the expected text (only the beginning was read)' },
    ],
  ])('%s', async (_, options, expected) => {
    await using scope = new AsyncDisposableStack();
    const server = await http(scope, (request, response) => {
      response.setHeader('x-version', '7');
      if (request.url === '/json') response.end(JSON.stringify(json));
      else if (request.url === '/moved') response.writeHead(302, { location: '/json' }).end();
      else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (request.url === '/echo')
        request.on('data', (body: Buffer) =>
          response.end(
            `${request.method} ${request.headers.host} ${String(request.headers['x-a'])} ${body.toString()}`,
          ),
        );
      else response.end('fine');
    });
    expect(await makeProbe(httpProbe, options, scope).look(server)).toMatchObject(expected);
    await expect.poll(() => server.open.size).toBe(0);
  });

  it('times its phases', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await http(scope, (_request, response) => response.end('ok'));
    const outcome = await makeProbe(httpProbe, {}, scope).look({ host: 'localhost', port: server.port });
    expect(outcome.kind).toBe('pass');
    const phases = outcome.kind === 'pass' ? outcome.readings?.phases : undefined;
    expect(Object.keys(phases ?? {}).sort()).toEqual(['connect', 'dns', 'firstByte', 'total']);
    expect(phases?.total).toBeGreaterThanOrEqual((phases?.connect ?? 0) + (phases?.firstByte ?? 0));
  });

  it('keeps a connection when told, and makes a new one when the other side closed it', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await http(scope, (_request, response) => response.end('ok'));
    const { look } = makeProbe(httpProbe, { connection: 'reuse' }, scope);
    for (let i = 0; i < 5; i++) expect(await look(server)).toMatchObject({ kind: 'pass' });
    expect(server.accepted()).toBe(1);
    for (const socket of server.open) socket.destroy();
    expect(await look(server)).toMatchObject({ kind: 'pass' });
    expect(server.accepted()).toBe(2);
    expect(await Promise.all([look(server), look(server)])).toMatchObject([
      { kind: 'pass' },
      { kind: 'pass' },
    ]);
    await expect.poll(() => server.open.size).toBe(1);
    await scope.disposeAsync();
    await expect.poll(() => server.open.size).toBe(0);
  });

  it('sends credentials from files over verified TLS, to the same host only', async () => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    const seen: (string | undefined)[] = [];
    const other = await http(scope, (request, response) => {
      seen.push(request.headers.authorization);
      response.end('other');
    });
    const at = await https(scope, lab.good, (request, response) => {
      seen.push(request.headers.authorization);
      const away = request.url === '/away';
      response.writeHead(away ? 302 : 200, away ? { location: `http://127.0.0.1:${other.port}/` } : {}).end();
    });
    const dir = tempDir(scope);
    writeFileSync(join(dir, 'secret'), 's3cret\n');
    const tls = { caFile: lab.ca };
    const make = (options: object) =>
      makeProbe(httpProbe, { tls, ...options }, scope, { deps: { baseDir: dir } });
    const basic = { auth: { basic: { username: 'u', passwordFile: 'secret' } } };
    expect(await make(basic).look(at)).toMatchObject({
      kind: 'pass',
      readings: { certificateExpires: Date.UTC(2049, 11, 31, 23, 59, 59) },
    });
    expect(await make({ auth: { bearer: { tokenFile: 'secret' } } }).look(at)).toMatchObject({
      kind: 'pass',
    });
    expect(await make({ ...basic, path: '/away', redirects: 2 }).look(at)).toMatchObject({ kind: 'pass' });
    const encoded = `Basic ${Buffer.from('u:s3cret').toString('base64')}`;
    expect(seen).toEqual([encoded, 'Bearer s3cret', encoded, undefined]);
    const missing = await make({ auth: { bearer: { tokenFile: 'nothing' } } }).look(at);
    expect(missing).toMatchObject({ kind: 'skip' });
    expect(issuesOf(httpProbe, { auth: basic.auth })).toEqual([
      'auth: credentials are sent only over verified TLS: set tls, or auth.insecure: true',
    ]);
    expect(issuesOf(httpProbe, { auth: { ...basic.auth, insecure: true } })).toEqual([]);
    expect(issuesOf(httpProbe, { tls: { insecure: true }, auth: basic.auth })).toHaveLength(1);
  });

  it('reads over what comes before the answer', async () => {
    await using scope = new AsyncDisposableStack();
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    const server = await tcp(scope, (socket) =>
      socket.once('data', () => socket.end(`${hints}${hints}HTTP/1.1 204 No Content\r\n\r\n`)),
    );
    const outcome = await makeProbe(httpProbe, {}, scope).look(server);
    expect(outcome).toMatchObject({ kind: 'pass', readings: { status: 204 } });
  });

  it('sends no credentials to who shows an expired certificate, and tells when it expired', async () => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    let asked = 0;
    const server = await https(scope, lab.expired, (_request, response) => {
      asked++;
      response.end('ok');
    });
    const auth = { bearer: { token: 'secret' } };
    const look = (options: object) => makeProbe(httpProbe, options, scope).look(server);
    expect(await look({ tls: { caFile: lab.ca }, auth })).toMatchObject({
      cause: 'tls-expired',
      readings: { certificateExpires: Date.UTC(2021, 0, 1) },
    });
    expect(await look({ tls: true, auth })).toMatchObject({ kind: 'fail' });
    expect(asked).toBe(0);
    const insecure = { tls: { insecure: true }, auth: { ...auth, insecure: true } };
    expect(await look(insecure)).toMatchObject({ kind: 'pass' });
  });

  it('tells no secret, whatever goes wrong with it', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await http(scope, (_request, response) => response.writeHead(401).end());
    for (const token of ['s3cret', 's3cret\nX: y', 's3cret\u4e00']) {
      const auth = { bearer: { token }, insecure: true };
      const outcome = await makeProbe(httpProbe, { auth }, scope).look(server);
      expect(outcome.kind).toBe(token === 's3cret' ? 'fail' : 'skip');
      expect(JSON.stringify(outcome)).not.toContain('s3cret');
    }
  });

  it('never lets what a provider registered break out of its place', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await http(scope, (_request, response) => response.end('ok'));
    const { look } = makeProbe(
      httpProbe,
      { path: '/${instance.metadata.p}', headers: { 'x-h': '${instance.metadata.h}' } },
      scope,
    );
    const at = (metadata: Record<string, string>) => look({ ...server, metadata });
    expect(await at({ p: 'x', h: 'y' })).toMatchObject({ kind: 'pass' });
    expect(await at({ p: 'x HTTP/1.1\r\nX: y', h: 'y' })).toMatchObject({
      kind: 'skip',
      cause: 'plugin-error',
    });
    expect(await at({ p: 'x', h: 'y\r\nX-Evil: 1' })).toMatchObject({ kind: 'skip', cause: 'plugin-error' });
    expect(await at({ p: 'x' })).toMatchObject({ kind: 'skip', cause: 'plugin-error' });
    expect(server.accepted()).toBe(1);
  });

  it('answers garbage of any kind without throwing', async () => {
    await using scope = new AsyncDisposableStack();
    let answer = Buffer.alloc(0);
    const server = await tcp(scope, (socket) => socket.once('data', () => socket.end(answer)));
    const { look } = makeProbe(httpProbe, {}, scope, { timeout: 2_000 });
    const heads = fc.constantFrom(
      '',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 999\r\n',
      'HTTP/2 200\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
    );
    await fc.assert(
      fc.asyncProperty(heads, fc.uint8Array({ maxLength: 300 }), async (head, bytes) => {
        answer = Buffer.concat([Buffer.from(head), bytes]);
        const outcome = await look(server);
        expect(outcome.kind === 'skip').toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  describe('with 512 looks in flight', () => {
    const CONNECT_TIMEOUT = 700;
    const TIMEOUT = 1_500;

    it.each<[string, (scope: AsyncDisposableStack) => Promise<Place>, number, Partial<Outcome>]>([
      ['connect timeout', blackHole, CONNECT_TIMEOUT, { cause: 'connect-timeout', reached: false }],
      [
        'deadline',
        (scope) => tcp(scope, behaviours.hang),
        TIMEOUT,
        { cause: 'request-timeout', reached: true },
      ],
      // Another attempt where the machine stalled between a plain timer and the end of a look.
    ])('holds the %s within 50 ms of a plain timer', { retry: 3 }, async (_, serve, limit, expected) => {
      await using scope = new AsyncDisposableStack();
      const place = await serve(scope);
      const options = { timeout: TIMEOUT, connectTimeout: CONNECT_TIMEOUT };
      const probe = httpProbe.create(decode(httpProbe, {}), probeDeps(scope, options));
      const never = new AbortController().signal;
      const looks = await Promise.all(
        Array.from({ length: 512 }, async () => {
          const started = systemClock.now();
          // A bare timer set at the same moment is as late as this machine is: what the probe adds to it is ours.
          const plain = systemClock.sleep(limit, never).then(() => systemClock.now() - started);
          using deadline = systemClock.deadline(TIMEOUT, never);
          const outcome = await probe.run(instanceAt(place), deadline.signal);
          return { outcome, took: systemClock.now() - started, plain: await plain };
        }),
      );
      for (const { outcome, took, plain } of looks) {
        expect(outcome).toMatchObject(expected);
        expect(took - plain).toBeLessThan(50);
        expect(took).toBeGreaterThanOrEqual(limit - 1);
      }
    });
  });

  it('refuses wrong options with the place', () => {
    expect(issuesOf(httpProbe, { expect: { status: '2x' } })[0]).toMatch(/^expect\.status/);
    expect(issuesOf(httpProbe, { expect: { body: { json: { path: 'a', equals: 1 } } } })[0]).toMatch(
      /^expect\.body/,
    );
    expect(issuesOf(httpProbe, { path: '/${env:HOME}' })[0]).toMatch(/^path/);
    expect(issuesOf(httpProbe, { method: 'G ET' })[0]).toMatch(/^method/);
    expect(issuesOf(httpProbe, { headers: { authorization: 'x' } })[0]).toMatch(/credentials go under auth/);
    expect(issuesOf(httpProbe, { maxBody: '64 kB' })[0]).toMatch(/^maxBody/);
    expect(issuesOf(httpProbe, { headers: { Connection: 'close' } })[0]).toMatch(/use the option connection/);
    expect(issuesOf(httpProbe, { headers: { Host: 'x' } })[0]).toMatch(/use the option host/);
    const both = { basic: { username: 'u', password: 'p', passwordFile: 'f' }, insecure: true };
    expect(issuesOf(httpProbe, { auth: both })[0]).toMatch(/^auth/);
    expect(issuesOf(httpProbe, { expect: { body: { regex: '(?<=a)b' } } })[0]).toMatch(/^expect\.body/);
  });
});

describe('status sets', () => {
  it('hold what they say, and read any text or refuse it', () => {
    const status = fc.integer({ min: 100, max: 599 });
    fc.assert(
      fc.property(status, status, status, (from, to, one) => {
        const range = parseStatusRange(`${from}-${to}`);
        expect(range === undefined).toBe(from > to);
        if (range !== undefined) expect(inStatusSet([range], one)).toBe(one >= from && one <= to);
        const hundred = parseStatusRange(`${Math.floor(one / 100)}xx`);
        expect(hundred !== undefined && inStatusSet([hundred], one)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('1', '2', '9', 'x', '-', ' ') }), (text) => {
        const range = parseStatusRange(text);
        if (range !== undefined) expect(range.from).toBeLessThanOrEqual(range.to);
      }),
    );
  });

  it.each([
    ['2xx', { from: 200, to: 299 }],
    ['404', { from: 404, to: 404 }],
    ['200-399', { from: 200, to: 399 }],
    ['399-200', undefined],
    ['6xx', undefined],
    ['20', undefined],
  ])('%s', (text, range) => {
    expect(parseStatusRange(text)).toEqual(range);
  });
});
