/** Real Redis servers on loopback, alone, watched by a Sentinel or as a cluster; tests freeze, kill and start them again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endNow } from './end-now.ts';
import { freePort } from './free-port.ts';
import { programPath } from './servers.ts';

export class RedisServer {
  readonly port: number;
  readonly #dir = mkdtempSync(join(tmpdir(), 'sonde-redis-'));
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, flags: readonly string[]) {
    this.port = port;
    this.#flags = flags;
  }

  /** Gone with its data when the scope ends. `flags` as on the command line of `redis-server`. */
  static async start(scope: AsyncDisposableStack, ...flags: string[]): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort(), flags);
      scope.defer(async () => {
        await server.kill();
        rmSync(server.#dir, { recursive: true, force: true });
      });
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else took the port meanwhile.
        if (attempt === 3) throw error;
        await server.kill();
      }
    }
  }

  /** A Sentinel that watches the server under the name `mymaster`; one of them is a quorum. */
  static async sentinel(scope: AsyncDisposableStack, master: RedisServer): Promise<RedisServer> {
    const file = join(mkdtempSync(join(tmpdir(), 'sonde-sentinel-')), 'sentinel.conf');
    scope.defer(() => rmSync(join(file, '..'), { recursive: true, force: true }));
    writeFileSync(
      file,
      [
        `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds mymaster 1000',
        'sentinel failover-timeout mymaster 5000',
      ].join('\n'),
    );
    return RedisServer.start(scope, file, '--sentinel');
  }

  /** Three masters that share the slots. */
  static async cluster(scope: AsyncDisposableStack): Promise<readonly RedisServer[]> {
    const flags = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
    const nodes: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      // The bus has a port of its own, 10000 above by default, which may be taken.
      nodes.push(await RedisServer.start(scope, ...flags, '--cluster-port', String(await freePort())));
    }
    const bounds = [0, 5_461, 10_923, 16_384];
    for (const [index, node] of nodes.entries()) {
      await node.command(
        'CLUSTER',
        'ADDSLOTSRANGE',
        String(bounds[index]),
        String((bounds[index + 1] ?? 0) - 1),
      );
      const bus = node.#flags.at(-1) ?? '';
      await nodes[0]?.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port), bus);
    }
    for (const node of nodes)
      await until(async () => {
        const [info, known] = [await node.command('CLUSTER', 'INFO'), await node.command('CLUSTER', 'SLOTS')];
        return String(info).includes('cluster_state:ok') && (known as unknown[]).length === 3;
      }, 'the cluster');
    return nodes;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it (again) with its data, and waits until it answers. */
  async start(): Promise<void> {
    const file = this.#flags[0]?.startsWith('--') === false ? [this.#flags[0]] : [];
    const child = spawn(
      programPath('redis-server') ?? 'redis-server',
      [
        file,
        ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#dir],
        file.length > 0 ? [] : ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
        this.#flags.slice(file.length),
      ].flat(),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-2_000);
      });
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`redis-server did not start: ${said}`);
      const answer = await this.command('PING').catch((error: unknown) => String(error));
      return answer === 'PONG' || String(answer).includes('NOAUTH');
    }, 'redis-server');
  }

  /** Waits until its cluster serves again, where it is of one. */
  async ready(): Promise<void> {
    if (!this.#flags.includes('--cluster-enabled')) return;
    const serves = async (): Promise<boolean> =>
      String(await this.command('CLUSTER', 'INFO')).includes('cluster_state:ok');
    await until(serves, 'the cluster');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endNow(child);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** A command past sonde: somebody else's client. Throws what the server refuses. */
  async command(...words: string[]): Promise<unknown> {
    return (await this.commands([words]))[0];
  }

  /** All of them on one connection, one after the other. */
  async commands(list: readonly (readonly string[])[]): Promise<readonly unknown[]> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.write(list.map(encode).join(''));
      const answers: unknown[] = [];
      let text = '';
      while (answers.length < list.length) {
        const [chunk] = (await Promise.race([
          once(socket, 'data'),
          once(socket, 'close').then(() => Promise.reject(new Error('closed'))),
        ])) as [Buffer];
        text += chunk.toString('latin1');
        for (;;) {
          const read = decode(text, 0);
          if (read === undefined) break;
          text = text.slice(read.end);
          answers.push(read.value);
        }
      }
      const refused = answers.find((answer) => answer instanceof Error);
      if (refused instanceof Error) throw refused;
      return answers;
    } finally {
      socket.destroy();
    }
  }
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come up`);
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** One value of RESP2 from there on, or undefined where it is not whole yet. */
function decode(text: string, at: number): { readonly value: unknown; readonly end: number } | undefined {
  const line = text.indexOf('\r\n', at);
  if (line < 0) return undefined;
  const rest = text.slice(at + 1, line);
  const end = line + 2;
  if (text[at] === '+') return { value: rest, end };
  if (text[at] === '-') return { value: new Error(rest), end };
  if (text[at] === ':') return { value: Number(rest), end };
  const length = Number(rest);
  if (length < 0) return { value: null, end };
  if (text[at] === '$') {
    if (text.length < end + length + 2) return undefined;
    return {
      value: Buffer.from(text.slice(end, end + length), 'latin1').toString('utf8'),
      end: end + length + 2,
    };
  }
  const values: unknown[] = [];
  for (let next = end; ; ) {
    if (values.length === length) return { value: values, end: next };
    const read = decode(text, next);
    if (read === undefined) return undefined;
    values.push(read.value);
    next = read.end;
  }
}
