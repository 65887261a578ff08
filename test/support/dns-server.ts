/** A real dnsmasq on loopback, whose records a test sets. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './servers.ts';
import { tempDir } from './temp-dir.ts';

export class DnsServer {
  readonly address: string;
  readonly #port: number;
  readonly #config: string;
  #records: readonly string[] = [];
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
    this.#config = join(folder, 'dnsmasq.conf');
  }

  static async start(scope: AsyncDisposableStack): Promise<DnsServer> {
    const server = new DnsServer(await freeUdpPort(), tempDir(scope));
    scope.defer(() => server.stop());
    await server.start();
    return server;
  }

  /** Lines of its configuration: `host-record=web.test,10.0.0.1,30`, `srv-host=_web.test,a.test,80,0,10`. */
  async set(records: readonly string[]): Promise<void> {
    this.#records = records;
    await this.stop();
    await this.start();
  }

  async start(): Promise<void> {
    writeFileSync(this.#config, ['local=/test/', ...this.#records, ''].join('\n'));
    const flags = ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--user=root'];
    const place = [
      `--port=${this.#port}`,
      '--listen-address=127.0.0.1',
      `--conf-file=${this.#config}`,
      '--pid-file=',
    ];
    const child = spawn(programPath('dnsmasq') ?? 'dnsmasq', [...flags, ...place], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
      if (await this.#answers()) return;
    }
    throw new Error(`dnsmasq did not start: ${said}`);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async #answers(): Promise<boolean> {
    const resolver = new Resolver({ timeout: 50, tries: 1 });
    resolver.setServers([this.address]);
    try {
      await resolver.resolve4('nobody.test');
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTFOUND' || code === 'ENODATA') return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return false;
    }
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
