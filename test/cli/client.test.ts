import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseServer } from '../../src/cli/server.ts';
import { findToken } from '../../src/cli/token.ts';
import { describeWith } from '../support/servers.ts';
import { CliBench } from './cli-bench.ts';
import { ContractServer, TOKEN } from './contract-server.ts';
import { FakeIo } from './fake-io.ts';
import { makeWorld } from './world.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
});
afterEach(() => scope.disposeAsync());

describe('the server of client commands', () => {
  it.each([
    ['http://127.0.0.1:9810', 'http://127.0.0.1:9810', undefined],
    ['https://sonde.example/prefix', 'https://sonde.example', undefined],
    ['unix:/run/sonde.sock', 'unix:/run/sonde.sock', '/run/sonde.sock'],
    ['unix:///run/sonde.sock', 'unix:/run/sonde.sock', '/run/sonde.sock'],
  ])('%s', (text, name, socket) => {
    expect(parseServer(text)).toMatchObject({ name, ...(socket === undefined ? {} : { socket }) });
  });

  it.each(['', 'localhost:9810', 'ftp://x', 'unix:', 'unix:relative.sock'])('is not %j', (text) => {
    expect(parseServer(text)).toBeUndefined();
  });

  it('may be a unix socket, which needs no token', async () => {
    const socket = join(bench.dir, 'sonde.sock');
    const server = await ContractServer.start(scope, makeWorld(), { socket });
    const io = new FakeIo();
    io.env.SONDE_TOKEN_FILE = '/nowhere/token';
    const words = ['pause', 'web-cart', '--reason', 'x', '--server', `unix:${socket}`];
    expect(await bench.run(words, io)).toMatchObject({ code: 0, err: '' });
    expect(server.asked.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('may stand below a prefix', async () => {
    await bench.run(['get', 'services', '--server', `${bench.server.url}/sonde/`]);
    expect(bench.server.asked.at(-1)?.path).toBe('/sonde/v1/services');
  });
});

describeWith('openssl', 'openssl', 'an https server', () => {
  it('is believed by the certificates of --ca-file, and not without', async () => {
    const key = join(bench.dir, 'key.pem');
    const cert = join(bench.dir, 'cert.pem');
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ],
        ...[
          '-subj',
          '/CN=localhost',
          '-addext',
          'subjectAltName=DNS:localhost',
          '-keyout',
          key,
          '-out',
          cert,
        ],
      ],
      { stdio: 'pipe' },
    );
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    const server = await ContractServer.start(scope, makeWorld(), { tls });
    const words = ['hold', 'web-cart', '--reason', 'x', '--server', server.url];
    expect(await bench.run([...words, '--ca-file', cert])).toMatchObject({ code: 0, err: '' });
    expect(server.changes).toHaveLength(1);
    const doubtful = await bench.run(words);
    expect(doubtful).toMatchObject({ code: 4, err: expect.stringMatching(/certificate/) as string });
    const io = new FakeIo();
    io.env.SONDE_CA_FILE = cert;
    expect((await bench.run(words, io)).code).toBe(0);
  });
});

describe('the token', () => {
  const local = parseServer('http://127.0.0.1:9810');
  const remote = parseServer('http://sonde.example:9810');
  const secure = parseServer('https://sonde.example');
  if (local === undefined || remote === undefined || secure === undefined)
    throw new Error('these are servers');

  it('is where the server makes it', async () => {
    mkdirSync(join(bench.dir, 'sonde'));
    writeFileSync(join(bench.dir, 'sonde/token'), 'from-the-runtime-folder\n');
    const env = { XDG_RUNTIME_DIR: bench.dir };
    expect(await findToken(local, {}, env)).toEqual({ kind: 'token', token: 'from-the-runtime-folder' });
    // What a stranger's machine asks for is not the token of this one.
    expect(await findToken(secure, {}, env)).toMatchObject({ kind: 'none' });
  });

  it('is where the configuration of SONDE_CONFIG says', async () => {
    const config = bench.file(
      'sonde.yaml',
      'version: 1\nstate: { dir: ./var }\nregistries: [{ name: local, kind: file, path: p.yaml }]\nchecks: [{ name: a, probe: { kind: tcp } }]\n',
    );
    mkdirSync(join(bench.dir, 'var'));
    writeFileSync(join(bench.dir, 'var/token'), 'from-the-state-folder\n');
    const found = await findToken(local, {}, { SONDE_CONFIG: config });
    expect(found).toEqual({ kind: 'token', token: 'from-the-state-folder' });
  });

  it('goes to other machines over https only, unless told otherwise', async () => {
    const tokenFile = join(bench.dir, 'token');
    expect(await findToken(secure, { tokenFile }, {})).toEqual({ kind: 'token', token: TOKEN });
    expect(await findToken(remote, { tokenFile }, {})).toMatchObject({ kind: 'refused' });
    expect(await findToken(remote, { tokenFile, insecure: true }, {})).toEqual({
      kind: 'token',
      token: TOKEN,
    });
  });

  it('is asked for in words where it is not there', async () => {
    const io = new FakeIo();
    io.env.SONDE_TOKEN_FILE = '/nowhere/token';
    const { code, err } = await bench.run(['reload'], io);
    expect(code).toBe(4);
    expect(err).toMatch(/it refused: no token was sent; looked for it .*\/nowhere\/token/);
  });

  it('is never shown', async () => {
    for (const words of [
      ['reload'],
      ['pause', 'web-cart', '--reason', 'x'],
      ['get', 'instances', '-o', 'json'],
    ]) {
      const { out, err } = await bench.run(words);
      expect(out + err).not.toContain(TOKEN);
    }
    expect(
      bench.server.asked.filter(({ method, headers }) => method === 'GET' && headers.authorization),
    ).toEqual([]);
  });
});
