import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Examination } from '../../src/app/doctor/finding.ts';
import { http, refusing } from '../support/lab/servers.ts';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
  bench.env.XDG_RUNTIME_DIR = join(bench.dir, 'run');
  bench.file(
    'providers.yaml',
    'services: [{ name: web-cart, instances: [{ host: 127.0.0.1, port: 1 }, { host: 127.0.0.1, port: 2 }] }]\n',
  );
});
afterEach(() => scope.disposeAsync());

async function freePort(): Promise<number> {
  return (await refusing()).port;
}

interface Parts {
  readonly server?: string;
  readonly more?: string;
  readonly registries?: string;
  readonly checks?: string;
}

/** A configuration that listens where nobody does. */
async function config(parts: Parts = {}): Promise<string> {
  const server = parts.server ?? `{ listen: "127.0.0.1:${await freePort()}" }`;
  const registries = parts.registries ?? '[{ name: local, kind: file, path: ./providers.yaml }]';
  const checks = parts.checks ?? '[{ name: web, probe: { kind: tcp } }]';
  return bench.file(
    'sonde.yaml',
    `version: 1\nserver: ${server}\nregistries: ${registries}\nchecks: ${checks}\n${parts.more ?? ''}`,
  );
}

async function findings(file: string, subject: string): Promise<readonly string[]> {
  const { out } = await bench.run(['doctor', '-c', file, '-o', 'json']);
  const { examinations } = JSON.parse(out) as { readonly examinations: readonly Examination[] };
  const found = examinations.find((one) => one.subject === subject)?.findings ?? [];
  return found.map(
    ({ verdict, what, hint }) => `${verdict}: ${what}${hint === undefined ? '' : ` -> ${hint}`}`,
  );
}

describe('sonde doctor', () => {
  it('finds nothing wrong where nothing is', async () => {
    const file = await config();
    const { code, out, err } = await bench.run(['doctor', '-c', file]);
    expect(err).toBe('');
    expect(out).toMatch(
      /^configuration\n {2}√ .*sonde\.yaml is valid\n\nregistries\n {2}√ local \(file, dry-run\) was listed: 2 instances of 1 service in \d+ ms\n/,
    );
    for (const subject of ['state', 'token', 'listeners', 'clock', 'limits'])
      expect(out).toContain(`\n${subject}\n`);
    expect([0, 'Nothing is wrong.\n']).toEqual([code, out.split('\n').slice(-2).join('\n')]);
  });

  it('looks at the anchors, and says where they are too few', async () => {
    const { port } = await http(scope, (_request, response) => response.writeHead(503).end());
    const gone = await freePort();
    const anchors = `["http://127.0.0.1:${port}/x", "127.0.0.1:${gone}"]`;
    const found = await findings(await config({ more: `localHealth: { anchors: ${anchors} }\n` }), 'anchors');
    expect(found).toEqual([
      expect.stringMatching(/^ok: http:.*\/x was reached in \d+ ms$/),
      expect.stringMatching(/^warning: 127.0.0.1:\d+ was not reached: .* -> while most of them are not/),
      'warning: there are 2 -> name 3 that do not fail together: one may be restarted',
    ]);
    expect(await findings(await config(), 'anchors')).toEqual([]);
  });

  it('says what to do, on a terminal and in ASCII', async () => {
    const file = await config({ registries: '[{ name: local, kind: file, path: ./gone.yaml }]' });
    const io = new FakeIo(true);
    Object.assign(io.env, { NO_COLOR: '1', LC_ALL: 'C' });
    const { code, out } = await bench.run(['doctor', '-c', file], io);
    expect(code).toBe(4);
    expect(out).toMatch(
      /registries\n {2}x registry local: cannot read [\s\S]*\n {6}> is it running, and is the way to it open\?\n/,
    );
    expect(out).toMatch(/1 error, 0 warnings\.\n$/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('stops at a configuration that is not valid', async () => {
    const { code, out } = await bench.run(['doctor', '-c', await config({ checks: '[{ nam: web }]' })]);
    expect(code).toBe(1);
    expect(out).toMatch(/× .*sonde\.yaml:4:\d+ SND1003: unknown key `nam`/);
    expect(out).not.toContain('registries');
  });

  it('looks at what registries have for the checks', async () => {
    expect(
      await findings(
        await config({ checks: '[{ name: web, match: { service: other }, probe: { kind: tcp } }]' }),
        'registries',
      ),
    ).toEqual([expect.stringMatching(/^warning: local .* -> no check matches any of them/)]);
    bench.file('providers.yaml', 'services: []\n');
    expect(await findings(await config(), 'registries')).toEqual([
      expect.stringMatching(/^warning: local .* -> nobody is registered there/),
    ]);
  });

  it('looks at scripts', async () => {
    const script = bench.file('check.sh', '#!/bin/sh\n');
    const checks = `[
      { name: a, probe: { kind: script, command: [./check.sh] } },
      { name: b, probe: { kind: script, command: [sh, -c, "true"] } },
      { name: c, probe: { kind: script, command: [sonde-has-no-such-program] } },
      { name: d, probe: { kind: script, shell: true, command: ["true"] } }]`;
    const file = await config({ checks });
    expect(await findings(file, 'scripts')).toEqual([
      expect.stringMatching(
        /^error: check a: \.\/check\.sh is not there, or may not be run -> looked at .*: chmod \+x$/,
      ),
      expect.stringMatching(/^ok: check b: .*\/sh can be run$/),
      expect.stringMatching(/^error: check c: .* -> it is not in PATH$/),
      'ok: check d: its command is for the shell, it was not looked into',
    ]);
    chmodSync(script, 0o755);
    expect((await findings(file, 'scripts'))[0]).toBe(`ok: check a: ${script} can be run`);
  });

  it('looks at the state folder and what it is on', async () => {
    const [writable, on] = await findings(await config({ more: 'state: { dir: ./var/state }\n' }), 'state');
    expect(writable).toMatch(/^ok: .*\/var\/state can be written \(it is made at the start\)$/);
    expect(on).toMatch(/^(ok|warning): it is on .+, \d+ MiB are free/);
    const [shm] = (await findings(await config({ more: 'state: { dir: /dev/shm }\n' }), 'state')).slice(1);
    expect(shm).toMatch(/^warning: it is on tmpfs/);
    const [proc] = await findings(await config({ more: 'state: { dir: /proc/sonde }\n' }), 'state');
    expect(proc).toMatch(/^error: \/proc\/sonde cannot be written/);
  });

  it('looks at who may read the token', async () => {
    const file = await config();
    expect(await findings(file, 'token')).toEqual([
      expect.stringMatching(/^ok: .*\/run\/sonde\/token is made at the start/),
    ]);
    mkdirSync(join(bench.dir, 'run/sonde'), { recursive: true });
    const token = join(bench.dir, 'run/sonde/token');
    writeFileSync(token, 'secret-secret-secret\n', { mode: 0o644 });
    expect(await findings(file, 'token')).toEqual([
      `warning: ${token} can be read by others (0644) -> chmod 600 ${token}`,
    ]);
    chmodSync(token, 0o600);
    const { out } = await bench.run(['doctor', '-c', file]);
    expect(out).toContain(`${token} is for its owner only (0600)`);
    expect(out).not.toContain('secret-secret');
  });

  it('looks at who listens where sonde is to', async () => {
    const { port } = new URL(bench.server.url);
    expect(await findings(await config({ server: `{ listen: "127.0.0.1:${port}" }` }), 'listeners')).toEqual([
      `ok: 127.0.0.1:${port} is sonde's: it is running`,
    ]);
    const stranger = await http(scope, (_request, response) => response.end('hello'));
    expect(
      await findings(await config({ server: `{ listen: "127.0.0.1:${stranger.port}" }` }), 'listeners'),
    ).toEqual([expect.stringMatching(/^error: .* cannot be listened on: somebody else listens there -> /)]);
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(join(bench.dir, 'mute.sock'), resolve));
    scope.defer(() => void mute.close());
    const socket = join(bench.dir, 'sonde.sock');
    const free = await findings(
      await config({ server: `{ listen: "127.0.0.1:${await freePort()}", socket: ${socket} }` }),
      'listeners',
    );
    expect(free).toEqual([expect.stringMatching(/^ok: 127\.0\.0\.1:\d+ is free$/), `ok: ${socket} is free`]);
  });

  it('compares its clock with that of the server', async () => {
    expect(await findings(await config(), 'clock')).toEqual([
      `ok: the clock of ${bench.server.url} and ours are the same`,
    ]);
    const late = await http(scope, (_request, response) => {
      response.setHeader('date', 'Thu, 01 Jan 2026 00:00:00 GMT');
      response.end('{"alive":true}');
    });
    bench.env.SONDE_SERVER = `http://127.0.0.1:${late.port}`;
    expect(await findings(await config(), 'clock')).toEqual([
      expect.stringMatching(/^warning: .* \d+ s apart -> set both/),
    ]);
    bench.env.SONDE_SERVER = `http://127.0.0.1:${await freePort()}`;
    expect(await findings(await config(), 'clock')).toEqual([
      expect.stringMatching(/^ok: nobody answers at/),
    ]);
  });

  it('looks at limits', async () => {
    const [files, ports] = await findings(
      await config({ more: 'engine: { concurrency: 20000 }\n' }),
      'limits',
    );
    expect(files).toMatch(/^(ok|warning): (\d+|unlimited) files may be open, at most 21152 are needed/);
    expect(ports).toMatch(/^warning: \d+ local ports .* -> widen/);
  });

  it('counts warnings with --strict, whatever the format', async () => {
    const file = await config({ checks: '[{ name: web, match: { service: other }, probe: { kind: tcp } }]' });
    expect((await bench.run(['doctor', '-c', file])).code).toBe(0);
    expect((await bench.run(['doctor', '-c', file, '--strict'])).code).toBe(3);
    const { code, out } = await bench.run(['doctor', '-c', file, '--strict', '-o', 'json']);
    expect([code, JSON.parse(out)]).toMatchObject([3, { success: true }]);
  });
});
