import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { refusing } from '../support/lab/servers.ts';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';
import { check, LAID } from './world.ts';

// A process for each command: on a busy machine each takes its seconds to start.
vi.setConfig({ testTimeout: 90_000 });

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');
const LINES = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.trimEnd().split('\n'))
  .filter((line) => !/sonde (run|demo)\b/.test(line));

const scope = new AsyncDisposableStack();
let bench: CliBench;

beforeAll(async () => {
  bench = await CliBench.start(scope);
  const { world } = bench.server;
  world.interventions = [{ ...LAID, selector: { namespace: 'shop', service: 'web-cart' } }];
  world.instances = world.instances.filter(({ registry }) => registry === 'local');
  bench.server.before = ({ method, path }) => {
    if (method !== 'POST' || !path.endsWith('/probe')) return;
    const last = {
      at: '2026-01-01T00:00:09.000Z',
      outcome: 'pass',
      cause: null,
      duration: 1,
      detail: null,
    } as const;
    world.instances = world.instances.map((one) => ({ ...one, checks: [check(one.health, { last })] }));
  };
  const { port } = await refusing();
  const text = `version: 1
server: { listen: "127.0.0.1:${port}" }
registries: [{ name: local, kind: file, path: ./providers.yaml }]
checks: [{ name: web, probe: { kind: tcp } }]
`;
  bench.file('sonde.yaml', text);
  bench.file('new.yaml', text);
  bench.file('providers.yaml', 'services: [{ name: web-cart, instances: [{ host: 127.0.0.1, port: 1 }] }]\n');
  writeFileSync(join(bench.dir, 'check.sh'), '#!/bin/sh\n', { mode: 0o755 });
  const program = join(import.meta.dirname, '../../bin/sonde.js');
  writeFileSync(join(bench.dir, 'sonde'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755,
  });
});
afterAll(() => scope.disposeAsync());

describe.concurrent('the page about the command line', () => {
  it('has a section for each command', () => {
    const names = createProgram(new FakeIo()).commands.map((one) => one.name());
    const headings = [...PAGE.matchAll(/^## (.+)$/gm)].flatMap(([, title = '']) => title.split(', '));
    expect(
      names.filter((name) => name !== '__complete' && name !== 'help' && !headings.includes(name)),
    ).toEqual([]);
    expect(LINES.length).toBeGreaterThan(30);
  });

  it.each(LINES)('has an example that runs: %s', async (line) => {
    const env = {
      ...process.env,
      ...bench.env,
      XDG_RUNTIME_DIR: bench.dir,
      PATH: `${bench.dir}:${process.env.PATH ?? ''}`,
    };
    const { code, text } = await new Promise<{ readonly code: number; readonly text: string }>((resolve) => {
      execFile('bash', ['-c', line], { env, cwd: bench.dir }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr });
      });
    });
    // What Nagios is told, and what `timeout` says of a watch that it ended.
    const fine = line.includes('--nagios') ? [0, 1, 2, 3] : line.startsWith('timeout') ? [0, 124] : [0, 1];
    expect([fine.includes(code), text]).toEqual([true, expect.not.stringMatching(/^error:|this is a bug/m)]);
  });
});
