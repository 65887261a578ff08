/** The programs that are compared, each checking the same targets once a second. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'undici';

export type Mode = 'tcp' | 'http' | 'http on kept connections';

export interface Setting {
  readonly mode: Mode;
  readonly port: number;
  readonly targets: number;
  /** Seconds between two checks of a target. */
  readonly every: number;
  readonly dir: string;
}

export interface Checker {
  readonly name: string;
  readonly program: string;
  readonly version: () => string;
  readonly modes: readonly Mode[];
  /** Starts it; its process id is what is measured. */
  start(setting: Setting, scope: AsyncDisposableStack): number;
}

/** 127.1.0.1, 127.1.0.2 …: all of them are the same nginx. */
export function addressOf(index: number): string {
  return `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}

function launch(program: string, args: readonly string[], scope: AsyncDisposableStack): number {
  const child: ChildProcess = spawn(program, args, { stdio: 'ignore' });
  scope.defer(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  });
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  return child.pid;
}

function firstLine(program: string, args: readonly string[]): string {
  const out = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return out.split('\n')[0] ?? '';
}

const SONDE = join(import.meta.dirname, '../bin/sonde.js');

export const sonde: Checker = {
  name: 'sonde',
  program: process.execPath,
  version: () =>
    `sonde ${firstLine(process.execPath, [SONDE, '--version'])} on Node ${process.versions.node}`,
  modes: ['tcp', 'http', 'http on kept connections'],
  start({ mode, port, targets, every, dir }, scope) {
    mkdirSync(dir, { recursive: true });
    const instances = Array.from({ length: targets }, (_, index) => ({ host: addressOf(index), port }));
    writeFileSync(join(dir, 'providers.json'), JSON.stringify({ services: [{ name: 'nginx', instances }] }));
    const connection = mode === 'http on kept connections' ? 'reuse' : 'fresh';
    const probe = mode === 'tcp' ? '{ kind: tcp }' : `{ kind: http, connection: ${connection} }`;
    const config = join(dir, 'sonde.yaml');
    writeFileSync(
      config,
      `version: 1
server: { listen: "127.0.0.1:18090" }
registries: [{ name: f, kind: file, path: providers.json }]
checks: [{ name: c, probe: ${probe}, interval: ${every}s, timeout: ${Math.min(2, every)}s }]
`,
    );
    return launch(process.execPath, [SONDE, 'run', '-c', config, '--log-level', 'silent'], scope);
  },
};

export const haproxy: Checker = {
  name: 'HAProxy',
  program: 'haproxy',
  version: () => firstLine('haproxy', ['-v']),
  modes: ['tcp', 'http'],
  start({ mode, port, targets, every, dir }, scope) {
    mkdirSync(dir, { recursive: true });
    const config = join(dir, 'haproxy.cfg');
    const servers = Array.from(
      { length: targets },
      (_, i) => `  server s${i} ${addressOf(i)}:${port} check inter ${every}s`,
    );
    writeFileSync(
      config,
      `global
  nbthread 1
defaults
  mode http
  timeout connect 500ms
  timeout client 2s
  timeout server 2s
  timeout check 2s
backend nginx
${mode === 'http' ? '  option httpchk GET /\n' : ''}${servers.join('\n')}
frontend nobody
  bind 127.0.0.1:18091
  default_backend nginx
`,
    );
    return launch('haproxy', ['-db', '-f', config], scope);
  },
};

export const blackbox: Checker = {
  name: 'blackbox_exporter',
  program: 'prometheus-blackbox-exporter',
  version: () => 'blackbox_exporter 0.23.0 (Debian)',
  modes: ['tcp', 'http'],
  start({ mode, port, targets, every, dir }, scope) {
    mkdirSync(dir, { recursive: true });
    const config = join(dir, 'blackbox.yml');
    writeFileSync(
      config,
      'modules:\n  http: { prober: http, timeout: 2s }\n  tcp: { prober: tcp, timeout: 2s }\n',
    );
    const pid = launch(
      'prometheus-blackbox-exporter',
      ['--config.file', config, '--web.listen-address', '127.0.0.1:18092'],
      scope,
    );
    // It looks only when it is asked: we ask as Prometheus would, and what that costs us is not counted.
    const pool = new Pool('http://127.0.0.1:18092', { connections: 16 });
    scope.defer(() => pool.destroy());
    let next = 0;
    const timer = setInterval(
      () => {
        const address = `${addressOf(next++ % targets)}:${port}`;
        const target = encodeURIComponent(mode === 'tcp' ? address : `http://${address}/`);
        pool.request({ method: 'GET', path: `/probe?module=${mode}&target=${target}` }).then(
          ({ body }) => body.dump(),
          () => undefined,
        );
      },
      (every * 1_000) / targets,
    );
    scope.defer(() => clearInterval(timer));
    return pid;
  },
};
