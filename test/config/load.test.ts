import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { loadConfig, loadConfigOrThrow } from '../../src/config/load.ts';
import { HEAD, load, loaded, problemsOf } from '../support/config-bench.ts';

const FULL = `
version: 1
x-web: &web { kind: http, path: /healthz }
server:
  listen: 127.0.0.1:9810
  telemetry: 0.0.0.0:9811
  socket: ./sonde.sock
  tokenFile: ./token
state: { dir: ./var }
registries:
  - name: local
    kind: file
    path: ./providers.yaml
    write: { mode: apply, maxPerSecond: 10 }
    networks: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] }
    guard: { allowance: 10% }
defaults: { interval: 3s, timeout: 1s, connectTimeout: 300ms, rule: standard }
rules:
  standard: { kind: success-rate, window: { count: 20 }, subHealthyBelow: 84% }
  likeHaproxy: { kind: consecutive, rise: 2, fall: 3 }
checks:
  - name: web
    match: { registry: local, namespace: "*", service: ["web-*", "!web-legacy"], metadata: { tier: front } }
    probe: *web
    interval: 2s
    edgeInterval: 500ms
    deadInterval: 1m
    startPeriod: 30s
    rule: likeHaproxy
  - name: everything
    probe: { kind: tcp }
policies:
  - match: { service: "*" }
    guard: { maxUnavailable: 50% }
  - match: { registry: local }
    write: { mode: observe }
engine: { concurrency: 64, perHost: 4, scripts: 2, threads: 0 }
plugins: []
`;

describe('a configuration', () => {
  it('comes out as it was meant', async () => {
    const config = await loaded(FULL);
    expect(config).toMatchObject({
      server: {
        listen: { host: '127.0.0.1', port: 9810 },
        telemetry: { host: '0.0.0.0', port: 9811 },
        socket: '/etc/sonde/sonde.sock',
        tokenFile: '/etc/sonde/token',
      },
      stateDir: '/etc/sonde/var',
      baseDir: '/etc/sonde',
      registries: [
        {
          name: 'local',
          kind: 'file',
          options: { path: './providers.yaml' },
          write: { mode: 'apply', writer: 'sonde', maxPerSecond: 10, perInstanceEvery: 10_000 },
          networks: { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] },
          guard: { allowance: 0.1, freezeAbove: 0.6 },
        },
      ],
      policies: [
        { match: { service: ['*'] }, maxUnavailable: 0.5 },
        { match: { registry: ['local'] }, mode: 'observe' },
      ],
      engine: { concurrency: 64, perHost: 4, scripts: 2, extraLooks: 0.5 },
    });
    expect(config.checks).toMatchObject([
      {
        name: 'web',
        match: {
          registry: ['local'],
          namespace: ['*'],
          service: ['web-*', '!web-legacy'],
          metadata: { tier: ['front'] },
        },
        probe: { kind: 'http' },
        ruleName: 'likeHaproxy',
        rule: { kind: 'consecutive', options: { rise: 2, fall: 3 } },
        interval: 2_000,
        edgeInterval: 500,
        deadInterval: 60_000,
        timeout: 1_000,
        connectTimeout: 300,
        startPeriod: 30_000,
      },
      { name: 'everything', match: {}, probe: { kind: 'tcp' }, ruleName: 'standard', interval: 3_000 },
    ]);
  });

  it('has defaults for all but the version', async () => {
    const config = await loaded(`${HEAD}checks:\n  - { name: web, probe: { kind: http } }\n`);
    expect(config.server).toEqual({ listen: { host: '127.0.0.1', port: 9810 }, names: [] });
    expect(config.stateDir).toBeUndefined();
    expect(config.registries[0]).toMatchObject({
      write: { mode: 'dry-run', writer: 'sonde', maxPerSecond: 50, perInstanceEvery: 10_000 },
      networks: { deny: [] },
      guard: { allowance: 0.05, freezeAbove: 0.6 },
    });
    expect(config.checks[0]).toMatchObject({
      interval: 5_000,
      edgeInterval: 5_000,
      deadInterval: 5_000,
      timeout: 2_000,
      connectTimeout: 500,
      startPeriod: 0,
      ruleName: 'standard',
      rule: { kind: 'success-rate', options: { subHealthyBelow: 0.84 } },
    });
    expect(config.engine).toEqual({ concurrency: 512, perHost: 8, scripts: 4, extraLooks: 0.5 });
  });

  it('may say who is told, what a prober doubts itself by, and a second rule', async () => {
    const text = `${HEAD}state: { dir: ./var, maxSize: 1GiB }
rules: { other: { kind: consecutive } }
checks:
  - { name: web, probe: { kind: http }, shadow: other }
webhooks:
  - { name: pager, url: "https://hooks.example.com/a", secretFile: ./secret, match: { registry: local }, headers: { X-Team: a } }
  - { name: chat, url: "http://chat/", secret: [new, old], events: [registry], timeout: 3s }
localHealth: { anchors: ["10.0.0.1:53", "http://gateway/"] }
engine: { extraLooks: 20% }
`;
    const config = await loaded(text, { readFile: () => Promise.resolve('whsec_x\n') });
    expect(config.stateMaxSize).toBe(2 ** 30);
    expect(config.checks[0]?.shadow).toMatchObject({ ruleName: 'other', rule: { kind: 'consecutive' } });
    const [pager, chat] = config.webhooks;
    expect(pager).toEqual({
      name: 'pager',
      url: 'https://hooks.example.com/a',
      secrets: ['whsec_x'],
      events: ['transition', 'write-failure'],
      match: { registry: ['local'] },
      timeout: 10_000,
      headers: { 'X-Team': 'a' },
    });
    expect(chat).toMatchObject({ secrets: ['new', 'old'], events: ['registry'], timeout: 3_000 });
    expect(config.localHealth.anchors).toEqual(['10.0.0.1:53', 'http://gateway/']);
    expect(config.engine.extraLooks).toBe(0.2);
    expect(config.files).toContain('/etc/sonde/secret');
  });

  it('lets built-in times give way to written ones', async () => {
    const config = await loaded(
      `${HEAD}checks:\n  - { name: web, probe: { kind: http }, interval: 300ms }\n`,
    );
    expect(config.checks[0]).toMatchObject({
      interval: 300,
      edgeInterval: 300,
      timeout: 300,
      connectTimeout: 300,
    });
  });

  it('says where its parts stand', async () => {
    const { positions } = await loaded(FULL);
    expect(Object.fromEntries(positions)).toEqual({
      '/registries/0': '/etc/sonde/sonde.yaml:11:5',
      '/checks/0': '/etc/sonde/sonde.yaml:22:5',
      '/checks/1': '/etc/sonde/sonde.yaml:30:5',
      '/policies/0': '/etc/sonde/sonde.yaml:33:5',
      '/policies/1': '/etc/sonde/sonde.yaml:35:5',
      '/rules/standard': '/etc/sonde/sonde.yaml:19:3',
      '/rules/likeHaproxy': '/etc/sonde/sonde.yaml:20:3',
    });
  });

  it('names the files it was made from', async () => {
    const text = `${HEAD}checks:
  - name: web
    probe: { kind: http, path: "\${file:path.txt}", tls: { caFile: ../ca.pem },
             auth: { bearer: { tokenFile: /run/secrets/token } } }
server: { tokenFile: ./token }
`;
    const { files } = await loaded(text, { readFile: () => Promise.resolve('/health\n') });
    expect(files).toEqual([
      '/etc/sonde/sonde.yaml',
      '/etc/sonde/path.txt',
      '/etc/ca.pem',
      '/run/secrets/token',
    ]);
  });

  it('may merge anchors; what it says itself wins', async () => {
    const config = await loaded(`${HEAD}
x-a: &a { timeout: 1s, interval: 7s }
x-b: &b { timeout: 2s, startPeriod: 9s }
checks:
  - { <<: [*a, *b], name: web, probe: { kind: http }, interval: 3s }
`);
    expect(config.checks[0]).toMatchObject({ interval: 3_000, timeout: 1_000, startPeriod: 9_000 });
  });

  it('tells all that is wrong at once, in the order of the text', async () => {
    const problems = await problemsOf(`version: 1
registries:
  - { name: local, kind: fil, write: { mode: aply } }
defaults: { timeout: 1s, rule: standart }
rules:
  standard: { kind: success-rate, windw: { count: 3 } }
checks:
  - name: web
    match: { registry: loca }
    probe: { kind: http, path: "\${env:NOT_SET}" }
    interval: 500ms
`);
    expect(problems).toEqual([
      '3:26 SND1008 unknown kind `fil`',
      '3:46 SND1006 must be one of apply, dry-run, observe',
      '4:32 SND2002 there is no rule `standart`',
      '6:35 SND1003 unknown key `windw`',
      '9:24 SND2003 there is no registry `loca`',
      '10:32 SND1102 the environment variable NOT_SET is not set',
      '11:15 SND2004 timeout (1s) is over interval (500ms): looks would overlap',
    ]);
  });

  it('tells a mistake behind an alias once, with where it is used', async () => {
    const result = await load(`${HEAD}x-http: &http { kind: http, hoost: a }
checks:
  - { name: a, probe: *http }
  - { name: b, probe: *http }
  - { name: c, probe: { <<: *http, path: / } }
`);
    if (result.ok) expect.fail('it was taken');
    expect(result.problems).toHaveLength(1);
    const [problem] = result.problems;
    expect(problem).toMatchObject({
      code: 'SND1003',
      start: { line: 4, col: 29 },
      hint: 'did you mean `host`?',
    });
    expect(problem?.notes.map(({ start, message }) => `${start.line}:${start.col} ${message}`)).toEqual([
      '6:23 used here',
      '7:23 used here',
      '8:29 merged in here',
    ]);
  });

  it('says where an inherited value comes from', async () => {
    const result = await load(`${HEAD}defaults: { timeout: 2s }
checks:
  - { name: a, probe: { kind: http }, interval: 1s }
`);
    if (result.ok) expect.fail('it was taken');
    expect(result.problems).toMatchObject([
      {
        code: 'SND2004',
        start: { line: 6, col: 49 },
        notes: [{ start: { line: 4, col: 22 }, message: 'timeout inherited from here' }],
      },
    ]);
  });

  it('warns of what cannot be meant', async () => {
    expect(await problemsOf('version: 1\n')).toEqual([
      '1:1 SND3003 there is no registry: nothing will be looked at',
    ]);
    const text = `version: 1
registries:
  - { name: local, kind: file, path: ./p.yaml }
  - { name: other, kind: file, path: ./q.yaml }
checks:
  - { name: web, match: { registry: [local, "x*"] }, probe: { kind: http } }
`;
    expect(await problemsOf(text)).toEqual([
      '4:13 SND3002 no check looks at the instances of `other`',
      '6:45 SND3001 `x*` matches no registry',
    ]);
  });

  it('lets a policy be as lax as one of its registries', async () => {
    const text = `version: 1
registries:
  - { name: a, kind: file, path: ./p.yaml, write: { mode: apply } }
  - { name: b, kind: file, path: ./q.yaml }
checks:
  - { name: web, probe: { kind: http } }
policies:
  - { match: { service: "*" }, write: { mode: observe } }
  - { match: { service: web }, write: { mode: apply } }
`;
    expect(await problemsOf(text)).toEqual([]);
  });

  it('that cannot be read is a problem and no accident', async () => {
    const deps = { catalogue: builtins, env: {} };
    const result = await loadConfig('./no-such-file.yaml', deps);
    expect(result).toMatchObject({
      ok: false,
      problems: [
        { code: 'SND1010', file: './no-such-file.yaml', message: 'cannot be read: there is no such file' },
      ],
    });
    await expect(loadConfigOrThrow('./no-such-file.yaml', deps)).rejects.toThrow(
      'the configuration is not valid: ./no-such-file.yaml:1:1: cannot be read: there is no such file',
    );
  });

  it('brings the kinds of its plugins', async () => {
    const file = resolve(import.meta.dirname, '../../examples/plugins/sonde.yaml');
    const text = `${HEAD}plugins: [./majority-rule.mjs]
rules: { byMajority: { kind: majority, size: 7 } }
checks:
  - { name: web, probe: { kind: http }, rule: byMajority }
`;
    const deps = { catalogue: builtins, env: {}, readFile: () => Promise.resolve(text) };
    const result = await loadConfig(file, deps);
    if (!result.ok) expect.fail(JSON.stringify(result.problems));
    expect(result.catalogue.rules.map(({ name }) => name)).toContain('majority');
    expect(result.config.checks[0]?.rule).toEqual({ kind: 'majority', options: { size: 7 } });
    const bad = await loadConfig(file, { ...deps, readFile: () => Promise.resolve(text.replace('7', '8')) });
    if (bad.ok) expect.fail('it was taken');
    expect(bad.problems).toMatchObject([
      { code: 'SND1009', start: { line: 5, col: 46 }, message: 'must be an odd number from 3 to 99' },
    ]);
  });

  it('of two thousand checks loads in well under a second', async () => {
    const checks = Array.from(
      { length: 2_000 },
      (_, i) => `  - name: check-${i}
    match: { registry: local, service: ["web-${i}-*", "!web-${i}-old"], metadata: { tier: front } }
    probe: { <<: *http, path: "/health/${i}", expect: { status: [2xx], body: { contains: ok } } }
    interval: 2s
    timeout: 1s
`,
    );
    const text = `${HEAD}x-http: &http { kind: http }\nchecks:\n${checks.join('')}`;
    await load(text);
    const before = process.cpuUsage();
    const config = await loaded(text);
    const { user, system } = process.cpuUsage(before);
    expect(config.checks).toHaveLength(2_000);
    // CPU time, so that a busy machine does not matter; some 400 ms where it was measured.
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });
});
