import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { parseOptions, parseTarget } from '../../src/cli/check-target.ts';
import { http, refusing } from '../support/lab/servers.ts';
import { SondeProcess, sonde } from '../support/sonde-process.ts';

// A process for each command: on a busy machine each takes its seconds to start.
vi.setConfig({ testTimeout: 90_000 });

const folder = (): string => mkdtempSync(join(tmpdir(), 'sonde-cli-'));

describe('what check is told', () => {
  it.each([
    ['tcp', ['127.0.0.1:80'], { host: '127.0.0.1', port: 80 }],
    ['tcp', ['[::1]:80'], { host: '::1', port: 80 }],
    [
      'http',
      ['https://shop.test/health?x=1'],
      { host: 'shop.test', port: 443, options: { path: '/health?x=1', tls: true } },
    ],
    ['script', ['./check.sh', 'now'], { options: { command: ['./check.sh', 'now'] } }],
    ['tcp', ['127.0.0.1'], { kind: 'wrong' }],
    ['tcp', ['a:1', 'b:2'], { kind: 'wrong' }],
    ['http', ['shop.test'], { kind: 'wrong' }],
    ['http', ['http://u:p@shop.test'], { kind: 'wrong' }],
  ] as const)('%s %j', (kind, words, expected) => {
    expect(parseTarget(kind, [...words])).toMatchObject(expected);
  });

  it('nests and types its settings', () => {
    const settings = ['expect.status=[200, 204]', 'expect.body.contains=ok', 'redirects=2'];
    expect(parseOptions(settings, { path: '/' })).toEqual({
      kind: 'options',
      options: { path: '/', expect: { status: [200, 204], body: { contains: 'ok' } }, redirects: 2 },
    });
    expect(parseOptions(['x'], {})).toMatchObject({ kind: 'wrong' });
    expect(parseOptions(['x=['], {})).toMatchObject({ kind: 'wrong' });
  });
});

describe('sonde check', () => {
  it('answers by its exit code', async () => {
    await using scope = new AsyncDisposableStack();
    const good = await http(scope, (_request, response) => response.end('fine'));
    const url = `http://127.0.0.1:${good.port}/`;
    const nobody = await refusing();
    const closed = `127.0.0.1:${nobody.port}`;
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['check', 'http', url], 0, /pass/],
      [['check', 'http', url, '--set', 'expect.status=404'], 1, /status 200, expected 404/],
      [['check', 'tcp', closed], 1, /connect-refused/],
      [['check', 'tcp', closed, '--nagios'], 2, /^CRITICAL: /],
      [['check', 'http', url, '--set', 'expect.status=404', '--nagios'], 1, /^WARNING: /],
      [['check', 'script', '/nowhere/check', '--nagios'], 3, /^UNKNOWN: /],
      [['check', 'script', '--nagios', '--', '/bin/sh', '-c', 'exit 0'], 0, /^OK: /],
      [['check', 'http', url, '-o', 'json'], 0, /"kind": "pass"/],
      [['check', '-v', 'http', url], 0, /\n {2}connect +[0-9.]+ ms +█+\n {2}first byte +[0-9.]+ ms +█+\n/],
      [['check', 'tcp', closed, '-v'], 1, /\n {2}connect +[0-9.]+ ms +█+\n {2}total +[0-9.]+ ms\n$/],
      [
        ['check', '--nagios', '-c', '/nowhere/sonde.yaml'],
        3,
        /^UNKNOWN: \/nowhere\/sonde\.yaml is not valid/,
      ],
      [['check'], 2, /KIND and TARGET/],
      [['check', 'smtp', 'x:1'], 2, /there is no probe smtp/],
      [['check', 'http', url, '--set', 'expct=1'], 2, /expct/],
      [['check', 'tcp', closed, '--timeout', '5'], 2, /is no duration/],
      [['chekc'], 2, /check/],
    ];
    const results = await Promise.all(cases.map(([args]) => sonde(args)));
    for (const [index, { code, out, err }] of results.entries()) {
      const [args, expected, text] = cases[index] ?? [[], 0, /./];
      expect([args, code, out + err]).toEqual([args, expected, expect.stringMatching(text)]);
    }
  });

  it('looks at everything a configuration names, or at one service of it', async () => {
    await using scope = new AsyncDisposableStack();
    const good = await http(scope, (_request, response) => response.end('fine'));
    const dir = folder();
    const services = ['a', 'b'].map((name) => ({
      name,
      instances: [{ host: '127.0.0.1', port: name === 'a' ? good.port : 1 }],
    }));
    writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services }));
    const config = join(dir, 'sonde.yaml');
    writeFileSync(
      config,
      'version: 1\nregistries: [{ name: r, kind: file, path: providers.yaml }]\nchecks: [{ name: c, probe: { kind: http } }]\n',
    );
    expect(await sonde(['check', '-c', config])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/a .*pass[\s\S]*b .*fail/) as string,
    });
    expect(await sonde(['check', '-c', config, 'a'])).toMatchObject({ code: 0 });
    expect(await sonde(['check', '-c', config, 'nobody'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('nobody') as string,
    });
    writeFileSync(
      config,
      'version: 1\nregistries: [{ name: r, kind: file, path: gone.yaml }]\nchecks: [{ name: c, probe: { kind: http } }]\n',
    );
    expect(await sonde(['check', '-c', config, '--nagios'])).toMatchObject({
      code: 3,
      out: expect.stringMatching(/^UNKNOWN: registry r: cannot read/) as string,
    });
    expect(await sonde(['check', '-c', config])).toMatchObject({
      code: 4,
      err: expect.stringContaining('gone.yaml') as string,
    });
  });
});

describe('sonde run', () => {
  it('refuses a wrong configuration with its mistakes, and a taken address in one sentence', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const config = join(dir, 'sonde.yaml');
    writeFileSync(
      config,
      'version: 1\nregistries: [{ name: r, kind: file, path: p.yaml }]\nchecks: [{ nam: c, probe: { kind: htp } }]\n',
    );
    const wrong = await sonde(['run', '-c', config]);
    expect(wrong.code).toBe(1);
    expect(wrong.err).toMatch(/SND\d{4}.*nam/);
    expect(wrong.err).toMatch(/did you mean .*http/);
    expect(wrong.err).not.toMatch(/at .*\.ts:/);
    const taken = await http(scope, (_request, response) => response.end());
    writeFileSync(
      config,
      `version: 1\nserver: { listen: "127.0.0.1:${taken.port}" }\nregistries: [{ name: r, kind: file, path: p.yaml }]\nchecks: [{ name: c, probe: { kind: http } }]\n`,
    );
    const busy = await sonde(['run', '-c', config]);
    expect(busy).toMatchObject({ code: 4, out: '' });
    expect(busy.err).toMatch(/^sonde: cannot listen: .*somebody else listens there/);
  });

  it('runs a user’s own probe, rule and registry', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const { port } = await import('../support/lab/servers.ts').then(({ tcp }) =>
      tcp(scope, (socket) => socket.on('data', () => socket.write('+PONG\r\n'))),
    );
    const plugins = ['redis-ping', 'majority-rule'].map((name) =>
      join(import.meta.dirname, `../../examples/plugins/${name}.mjs`),
    );
    writeFileSync(
      join(dir, 'providers.yaml'),
      JSON.stringify({ services: [{ name: 'cache', instances: [{ host: '127.0.0.1', port }] }] }),
    );
    const config = join(dir, 'sonde.yaml');
    writeFileSync(
      config,
      `version: 1
server: { listen: "127.0.0.1:0" }
plugins: ${JSON.stringify(plugins)}
registries: [{ name: r, kind: file, path: providers.yaml, write: { mode: apply } }]
rules: { most: { kind: majority } }
checks: [{ name: ping, probe: { kind: redis-ping }, rule: most, interval: 200ms, timeout: 150ms }]
`,
    );
    const child = new SondeProcess(['run', '-c', config]);
    scope.defer(async () => {
      await child.signal('SIGKILL');
    });
    const statusOf = (): string => {
      try {
        return execFileSync('cat', [join(dir, 'providers.status.json')], { encoding: 'utf8', stdio: 'pipe' });
      } catch {
        return child.err;
      }
    };
    await expect.poll(statusOf, { timeout: 60_000 }).toContain('"health": "healthy"');
    expect(await child.signal('SIGINT')).toBe(0);
    const messages = child.err
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(
      expect.arrayContaining([
        'sonde is running',
        'Registry answers',
        'Health changed',
        'Health written',
        'sonde has stopped',
      ]),
    );
  });
});

describe('sonde demo', () => {
  it('shows the right states within 15 seconds, one line a transition in a pipe, and stops cleanly', async () => {
    const child = new SondeProcess(['demo'], { SONDE_LOG_LEVEL: 'info' });
    const right = (): readonly string[] =>
      [
        /web-shop \S+ {2}unknown -> healthy/,
        /web-orders \S+ {2}unknown -> sub-healthy {2}low-success-rate/,
        /web-search \S+ {2}unknown -> sub-healthy {2}slow/,
        /tcp-legacy \S+ {2}unknown -> dead {2}connect-refused/,
        /web-cart \S+ {2}(healthy|sub-healthy) -> dead {2}connect-refused/,
        /script-batch \S+ {2}unknown -> healthy/,
        /http:\/\/127\.0\.0\.1:\d+\/v1\/instances/,
      ]
        .filter((pattern) => !pattern.test(child.out))
        .map(String);
    await expect.poll(right, { timeout: 25_000 }).toEqual([]);
    const seconds = [
      ...child.out.matchAll(/^ *([0-9.]+)s {2}\S+ \S+ {2}\S+ -> (?:healthy|sub-healthy|dead)/gm),
    ].map(([, s]) => Number(s));
    expect(Math.min(...seconds)).toBeLessThan(15);
    expect(await child.signal('SIGINT')).toBe(0);
    expect(child.out).toMatch(/Stopped/);
    expect(child.err).toBe('');
  });
});
