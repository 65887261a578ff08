import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { programPath } from '../support/servers.ts';

const INSTANCES = 40;
const PROBER = 'sonde-prober';
const SERVERS = 'sonde-servers';
const ADDRESS = '10.77.0.2';

const run = (...command: readonly [string, ...string[]]): string => {
  const [program, ...args] = command;
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
};

/** Why there can be no network namespaces here, or undefined. */
function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const program of ['ip', 'nft'])
    if (programPath(program) === undefined) return `there is no program ${program}`;
  try {
    run('ip', 'netns', 'add', 'sonde-try');
    run('ip', 'netns', 'del', 'sonde-try');
    return undefined;
  } catch {
    return 'this machine makes no network namespaces';
  }
}

const reason = obstacle();
if (reason !== undefined) process.stderr.write(`skipped: the prober loses its network: ${reason}\n`);

describe.skipIf(reason !== undefined)(
  `the prober loses its network${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    it('writes nothing when the interface is gone, next to nothing when packets vanish, and comes back by itself', async () => {
      await using scope = new AsyncDisposableStack();
      const dir = mkdtempSync(join(tmpdir(), 'sonde-network-'));
      twoHosts(scope);
      const status = join(dir, 'providers.status.json');
      const instances = Array.from({ length: INSTANCES }, (_, i) => ({ host: ADDRESS, port: 20_000 + i }));
      const services = Array.from({ length: 4 }, (_, s) => ({
        name: `s${s}`,
        instances: instances.filter((_one, i) => i % 4 === s),
      }));
      writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services }));
      writeFileSync(join(dir, 'sonde.yaml'), CONFIG);
      background(scope, 'ip', 'netns', 'exec', SERVERS, process.execPath, '-e', SERVE);
      background(
        scope,
        'ip',
        'netns',
        'exec',
        PROBER,
        process.execPath,
        join(import.meta.dirname, '../../bin/sonde.js'),
        'run',
        '-c',
        join(dir, 'sonde.yaml'),
      );

      const count = (health: string): number => {
        const { instances: all } = JSON.parse(readFileSync(status, 'utf8')) as {
          instances: Record<string, { health: string }>;
        };
        return Object.values(all).filter((one) => one.health === health).length;
      };
      const allHealthy = () =>
        expect.poll(() => safely(() => count('healthy')), { timeout: 40_000, interval: 200 }).toBe(INSTANCES);
      await allHealthy();

      const before = readFileSync(status, 'utf8');
      run('ip', 'netns', 'exec', PROBER, 'ip', 'link', 'set', 'v0', 'down');
      await seconds(15);
      expect(readFileSync(status, 'utf8')).toBe(before);
      run('ip', 'netns', 'exec', PROBER, 'ip', 'link', 'set', 'v0', 'up');
      await seconds(5);
      expect(readFileSync(status, 'utf8')).toBe(before);

      run('ip', 'netns', 'exec', PROBER, 'nft', 'add', 'table', 'inet', 'hole');
      run(
        'ip',
        'netns',
        'exec',
        PROBER,
        'nft',
        'add',
        'chain',
        'inet',
        'hole',
        'out',
        '{ type filter hook input priority 0 ; }',
      );
      run(
        'ip',
        'netns',
        'exec',
        PROBER,
        'nft',
        'add',
        'rule',
        'inet',
        'hole',
        'out',
        'iifname',
        'v0',
        'drop',
      );
      await seconds(25);
      expect(count('dead')).toBeLessThanOrEqual(3);
      run('ip', 'netns', 'exec', PROBER, 'nft', 'delete', 'table', 'inet', 'hole');
      await allHealthy();
    }, 180_000);
  },
);

/** Two hosts with a wire between them. */
function twoHosts(scope: AsyncDisposableStack): void {
  for (const name of [PROBER, SERVERS]) {
    try {
      run('ip', 'netns', 'del', name);
    } catch {
      // Nothing was left by an earlier run.
    }
    run('ip', 'netns', 'add', name);
    scope.defer(() => void run('ip', 'netns', 'del', name));
    run('ip', 'netns', 'exec', name, 'ip', 'link', 'set', 'lo', 'up');
  }
  run('ip', 'link', 'add', 'v0', 'netns', PROBER, 'type', 'veth', 'peer', 'name', 'v1', 'netns', SERVERS);
  run('ip', 'netns', 'exec', PROBER, 'ip', 'addr', 'add', '10.77.0.1/24', 'dev', 'v0');
  run('ip', 'netns', 'exec', SERVERS, 'ip', 'addr', 'add', `${ADDRESS}/24`, 'dev', 'v1');
  run('ip', 'netns', 'exec', PROBER, 'ip', 'link', 'set', 'v0', 'up');
  run('ip', 'netns', 'exec', SERVERS, 'ip', 'link', 'set', 'v1', 'up');
}

function background(scope: AsyncDisposableStack, program: string, ...args: readonly string[]): void {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, NO_COLOR: '1' } });
  scope.defer(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  });
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1_000));
}

function safely(look: () => number): number {
  try {
    return look();
  } catch {
    return -1;
  }
}

const SERVE = `
  for (let i = 0; i < ${INSTANCES}; i++)
    require('node:http').createServer((_q, r) => r.end('ok')).listen(20000 + i, '${ADDRESS}');
  process.on('SIGTERM', () => process.exit(0));
`;

const CONFIG = `
version: 1
server: { listen: "127.0.0.1:0" }
registries:
  - { name: local, kind: file, path: providers.yaml, write: { mode: apply } }
defaults: { interval: 500ms, timeout: 400ms, connectTimeout: 300ms, rule: ten }
rules:
  ten: { kind: success-rate, window: { count: 10 } }
checks:
  - { name: http, probe: { kind: http } }
engine: { perHost: 64 }
`;
