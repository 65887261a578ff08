/** The one nginx that everybody checks, on every address of loopback, with counters of what reached it. */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';

export interface Counts {
  /** Connections that anybody on this machine opened: a checker that resets at once is gone before nginx accepts. */
  readonly connections: number;
  /** Requests that nginx answered. */
  readonly requests: number;
}

export class TargetServer {
  readonly port: number;
  readonly #statusPort: number;

  private constructor(port: number, statusPort: number) {
    this.port = port;
    this.#statusPort = statusPort;
  }

  static async start(dir: string, scope: AsyncDisposableStack): Promise<TargetServer> {
    const server = new TargetServer(18_080, 18_081);
    mkdirSync(join(dir, 'nginx'), { recursive: true });
    const config = join(dir, 'nginx', 'nginx.conf');
    writeFileSync(
      config,
      `worker_processes 1; daemon off; master_process off; pid ${dir}/nginx/pid; error_log ${dir}/nginx/error.log crit;
       events { worker_connections 16384; }
       http { access_log off; keepalive_requests 1000000; keepalive_timeout 120s;
         client_body_temp_path ${dir}/nginx/b; proxy_temp_path ${dir}/nginx/p; fastcgi_temp_path ${dir}/nginx/f;
         uwsgi_temp_path ${dir}/nginx/u; scgi_temp_path ${dir}/nginx/s;
         server { listen 0.0.0.0:${server.port} backlog=8192; location / { return 200 "ok"; } }
         server { listen 127.0.0.1:${server.#statusPort}; location / { stub_status; } } }`,
    );
    const child = spawn('nginx', ['-c', config], { stdio: 'ignore' });
    scope.defer(() => void child.kill('SIGKILL'));
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        await server.counts();
        return server;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    throw new Error('nginx did not start');
  }

  /** What reached it so far, our own questions for the counts included. */
  async counts(): Promise<Counts> {
    const { body } = await request(`http://127.0.0.1:${this.#statusPort}/`);
    const requests = /(\d+) (\d+) (\d+)/.exec(await body.text())?.[3];
    // ActiveOpens of the kernel's TCP counters (RFC 4022, tcpActiveOpens): the fifth number of the line.
    const opened = /^Tcp: (\d[\d -]*)$/m.exec(readFileSync('/proc/net/snmp', 'utf8'))?.[1]?.split(' ')[4];
    return { connections: Number(opened), requests: Number(requests) };
  }
}
