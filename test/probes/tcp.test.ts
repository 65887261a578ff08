import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import { createResolver } from '../../src/probes/resolve.ts';
import { tcpProbe } from '../../src/probes/tcp.ts';
import { describeProbe } from '../contracts/probe.contract.ts';
import { certificates } from '../support/lab/certificates.ts';
import { behaviours, tcp, tls } from '../support/lab/servers.ts';
import { watchSocketsTo } from '../support/lab/sockets.ts';
import { issuesOf, makeProbe } from '../support/probe-bench.ts';

const ALL = {
  refuse: 'connect-refused',
  blackHole: 'connect-timeout',
  hang: 'pass',
  resetAtOnce: ['connect-reset', 'pass'],
  resetMidByte: 'pass',
  byteASecond: 'pass',
  endlessBody: 'pass',
  informationalFlood: 'pass',
  garbage: 'pass',
  halfClose: 'pass',
} as const;

// Connecting alone: who accepts, passes.
describeProbe(tcpProbe, {
  options: {},
  good: (scope) => tcp(scope, behaviours.hang),
  answers: ALL,
});

describeProbe(tcpProbe, {
  options: { send: { text: 'PING\r\n' }, expect: { text: 'PING' } },
  good: (scope) => tcp(scope, behaviours.echo),
  answers: {
    refuse: 'connect-refused',
    blackHole: 'connect-timeout',
    hang: 'request-timeout',
    resetAtOnce: ['connect-reset', 'response-reset'],
    resetMidByte: 'response-reset',
    byteASecond: 'request-timeout',
    endlessBody: 'expectation',
    informationalFlood: 'request-timeout',
    garbage: 'expectation',
    halfClose: 'response-reset',
  },
});

describeProbe(tcpProbe, {
  options: { tls: { insecure: true }, send: { text: 'PING\r\n' }, expect: { text: 'PING' } },
  good: (scope) => secure(scope, behaviours.echo),
  serve: secure,
  answers: {
    refuse: 'connect-refused',
    blackHole: 'connect-timeout',
    hang: 'request-timeout',
    resetAtOnce: ['tls-handshake', 'response-reset'],
    resetMidByte: ['response-reset', 'expectation'],
    byteASecond: 'request-timeout',
    endlessBody: 'expectation',
    informationalFlood: 'request-timeout',
    garbage: 'expectation',
    halfClose: 'response-reset',
  },
});

function secure(scope: AsyncDisposableStack, behave: Parameters<typeof tcp>[1]) {
  return tls(scope, certificates().good, behave);
}

describe('tcp', () => {
  it('expects text, bytes or a regular expression', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await tcp(scope, (socket) => socket.write('220 mail ready\r\n'));
    const look = (options: object) => makeProbe(tcpProbe, options, scope, { timeout: 500 }).look(server);
    expect(await look({ expect: { text: 'mail' } })).toMatchObject({ kind: 'pass' });
    expect(await look({ expect: { hex: '32 32 30 20' } })).toMatchObject({ kind: 'pass' });
    expect(await look({ expect: { regex: '^2\\d\\d ' } })).toMatchObject({ kind: 'pass' });
    expect(await look({ expect: { regex: '^5' } })).toMatchObject({ cause: 'request-timeout' });
  });

  it('reads the expiry of a certificate it verified', async () => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    const server = await tls(scope, lab.good, behaviours.hang);
    const outcome = await makeProbe(tcpProbe, { tls: { caFile: lab.ca } }, scope).look(server);
    expect(outcome).toMatchObject({
      kind: 'pass',
      readings: { certificateExpires: Date.UTC(2049, 11, 31, 23, 59, 59) },
    });
  });

  it.each([
    ['expired', 'tls-expired'],
    ['wrongName', 'tls-handshake'],
  ] as const)('refuses a certificate that is %s', async (name, cause) => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    const server = await tls(scope, lab[name], behaviours.hang);
    expect(await makeProbe(tcpProbe, { tls: { caFile: lab.ca } }, scope).look(server)).toMatchObject({
      cause,
      reached: true,
    });
    expect(
      await makeProbe(tcpProbe, { tls: { caFile: lab.ca, insecure: true } }, scope).look(server),
    ).toMatchObject({ kind: 'pass' });
  });

  it('tells when a certificate expired, and why one was refused', async () => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    const look = async (pair: 'expired' | 'wrongName') => {
      const server = await tls(scope, lab[pair], behaviours.hang);
      return makeProbe(tcpProbe, { tls: { caFile: lab.ca } }, scope).look(server);
    };
    expect(await look('expired')).toMatchObject({
      detail: 'tls: certificate refused: CERT_HAS_EXPIRED',
      readings: { certificateExpires: Date.UTC(2021, 0, 1) },
    });
    expect(await look('wrongName')).toMatchObject({
      detail: 'tls: certificate refused: ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('trusts nobody it was not told to', async () => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    const server = await tls(scope, lab.good, behaviours.hang);
    expect(await makeProbe(tcpProbe, { tls: true }, scope).look(server)).toMatchObject({
      cause: 'tls-handshake',
    });
    const missing = await makeProbe(tcpProbe, { tls: { caFile: '/nowhere/ca.pem' } }, scope).look(server);
    expect(missing).toMatchObject({ kind: 'skip', cause: 'plugin-error' });
    const noKey = { tls: { caFile: lab.ca, certFile: lab.client.certFile, keyFile: lab.good.keyFile } };
    expect(await makeProbe(tcpProbe, noKey, scope).look(server)).toMatchObject({ kind: 'skip' });
    const nameless = { tls: { caFile: lab.ca, serverName: '${instance.metadata.name}' } };
    expect(await makeProbe(tcpProbe, nameless, scope).look(server)).toMatchObject({ kind: 'skip' });
  });

  it('checks the name it is told and shows its own certificate', async () => {
    const lab = certificates();
    await using scope = new AsyncDisposableStack();
    const ca = readFileSync(lab.ca, 'utf8');
    const server = await tls(
      scope,
      { ...lab.wrongName, ca, requestCert: true, rejectUnauthorized: true },
      behaviours.echo,
    );
    const tlsOptions = { caFile: lab.ca, serverName: 'elsewhere.test' };
    const talk = { send: { text: 'hi' }, expect: { text: 'hi' } };
    const { certFile, keyFile } = lab.client;
    expect(
      await makeProbe(tcpProbe, { ...talk, tls: { ...tlsOptions, certFile, keyFile } }, scope).look(server),
    ).toMatchObject({ kind: 'pass' });
    expect(await makeProbe(tcpProbe, { ...talk, tls: tlsOptions }, scope).look(server)).toMatchObject({
      kind: 'fail',
    });
  });

  it('says that a server which speaks no TLS fails the handshake', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await tcp(scope, behaviours.garbage);
    expect(await makeProbe(tcpProbe, { tls: true }, scope).look(server)).toMatchObject({
      cause: 'tls-handshake',
      reached: true,
    });
    const silent = await tcp(scope, behaviours.hang);
    const outcome = await makeProbe(tcpProbe, { tls: true }, scope, { timeout: 300 }).look(silent);
    expect(outcome).toMatchObject({ cause: 'request-timeout', reached: true });
  });

  it('reaches a server that has only IPv6', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await tcp(scope, behaviours.hang, '::1');
    expect(await makeProbe(tcpProbe, {}, scope).look(server)).toMatchObject({ kind: 'pass' });
    // It was registered by address: there is nothing to choose.
    expect(await makeProbe(tcpProbe, { family: 'ipv4' }, scope).look(server)).toMatchObject({ kind: 'pass' });
  });

  it('reaches by name a server that has only IPv6, where that is preferred', async () => {
    await using scope = new AsyncDisposableStack();
    const { port } = await tcp(scope, behaviours.hang, '::1');
    const resolve = createResolver({
      clock: systemClock,
      networks: new Map(),
      lookup: () =>
        Promise.resolve([
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ]),
    });
    const look = (family: string) =>
      makeProbe(tcpProbe, { family }, scope, { deps: { resolve } }).look({ host: 'dual.test', port });
    expect(await look('ipv6')).toMatchObject({
      kind: 'pass',
      readings: { phases: { dns: expect.any(Number) } },
    });
    expect(await look('ipv4')).toMatchObject({ cause: 'connect-refused' });
    expect(await look('any')).toMatchObject({ cause: 'connect-refused' });
  });

  it('does not burn its processor on an answer in tiny pieces', async () => {
    await using scope = new AsyncDisposableStack();
    const pieces = await tcp(scope, (socket) => {
      socket.setNoDelay(true);
      const pump = (): void => {
        for (let i = 0; i < 50 && !socket.destroyed; i++) socket.write('a');
        if (!socket.destroyed) setImmediate(pump);
      };
      pump();
    });
    const { look } = makeProbe(tcpProbe, { expect: { regex: '(a*)*b' } }, scope, { timeout: 10_000 });
    expect(await look(pieces)).toMatchObject({ cause: 'expectation' });
  });

  it('connects to the port its template names', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await tcp(scope, behaviours.hang);
    const { look } = makeProbe(
      tcpProbe,
      { port: '${instance.metadata.management:-${instance.port}}' },
      scope,
    );
    expect(await look(server)).toMatchObject({ kind: 'pass' });
    expect(await look({ ...server, port: 1, metadata: { management: String(server.port) } })).toMatchObject({
      kind: 'pass',
    });
    expect(await look({ ...server, metadata: { management: 'no port' } })).toMatchObject({ kind: 'skip' });
  });

  it('leaves ports in TIME_WAIT only when told to close politely', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await tcp(scope, (socket) => socket.on('end', () => socket.end()).resume());
    const left = watchSocketsTo(server.port);
    const { look } = makeProbe(tcpProbe, { close: 'fin' }, scope);
    for (let i = 0; i < 20; i++) await look(server);
    await expect.poll(() => server.open.size).toBe(0);
    expect(left()).toEqual({ 'time-wait': 20 });
  });

  it('refuses wrong options with the place', () => {
    expect(issuesOf(tcpProbe, { expect: { regex: '(?=x)' } })[0]).toMatch(/^expect/);
    expect(issuesOf(tcpProbe, { send: { hex: '0' } })[0]).toMatch(/^send/);
    expect(issuesOf(tcpProbe, { port: '${instance.prot}' })[0]).toMatch(/^port: .*unknown/);
    expect(issuesOf(tcpProbe, { prot: 1 })[0]).toContain('prot');
    expect(issuesOf(tcpProbe, { port: 'http' })).toEqual(['port: not a port']);
    expect(issuesOf(tcpProbe, { port: 70_000 })[0]).toMatch(/^port/);
  });
});
