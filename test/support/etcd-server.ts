/** A real etcd on loopback, which tests stop, freeze, kill and start again on the same ports and data. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { endNow } from './end-now.ts';
import { freePort } from './free-port.ts';
import { programPath } from './servers.ts';

export class EtcdServer {
  readonly endpoint: string;
  readonly #dir = mkdtempSync(join(tmpdir(), 'sonde-etcd-'));
  readonly #peer: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(client: number, peer: number, flags: readonly string[]) {
    this.endpoint = `http://127.0.0.1:${client}`;
    this.#peer = `http://127.0.0.1:${peer}`;
    this.#flags = flags;
  }

  /** Gone with its data when the scope ends. */
  static async start(scope: AsyncDisposableStack, ...flags: string[]): Promise<EtcdServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new EtcdServer(await freePort(), await freePort(), flags);
      scope.defer(async () => {
        await server.kill();
        rmSync(server.#dir, { recursive: true, force: true });
      });
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else took one of the ports meanwhile.
        if (attempt === 3) throw error;
        await server.kill();
      }
    }
  }

  /** Starts it (again), and waits until it answers. */
  async start(): Promise<void> {
    const child = spawn(
      programPath('etcd') ?? 'etcd',
      [
        ['--name', 'test', '--data-dir', this.#dir, '--logger', 'zap', '--log-level', 'error'],
        ['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint],
        ['--listen-peer-urls', this.#peer, '--initial-advertise-peer-urls', this.#peer],
        ['--initial-cluster', `test=${this.#peer}`],
        this.#flags,
      ].flat(),
      // Debian's etcd refuses some machines without being told.
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch } },
    );
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000);
    });
    for (let attempt = 0; attempt < 400 && child.exitCode === null; attempt++) {
      if (await this.#answers()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`etcd did not start: ${said}`);
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

  /** A call past sonde: somebody else's client. */
  async call(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const { statusCode, body: answer } = await request(`${this.endpoint}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      // Leaves no idle connection behind, which a test that counts sockets would see.
      reset: true,
      ...(token === undefined ? {} : { headers: { authorization: token } }),
    });
    const text = await answer.text();
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async put(key: string, value: object | string, lease?: string): Promise<void> {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    await this.call('/v3/kv/put', {
      key: b64(key),
      value: b64(text),
      ...(lease === undefined ? {} : { lease }),
    });
  }

  async delete(key: string): Promise<void> {
    await this.call('/v3/kv/deleterange', { key: b64(key) });
  }

  /** Every key and value below a prefix. */
  async all(prefix: string): Promise<ReadonlyMap<string, string>> {
    const end = Buffer.from(prefix);
    end[end.length - 1] = (end.at(-1) ?? 0) + 1;
    const answer = await this.call('/v3/kv/range', { key: b64(prefix), range_end: end.toString('base64') });
    const kvs = (answer.kvs ?? []) as { key: string; value?: string }[];
    return new Map(kvs.map(({ key, value = '' }) => [unb64(key), unb64(value)]));
  }

  /** Of the whole store, now. */
  async revision(): Promise<bigint> {
    const { header } = (await this.call('/v3/kv/range', { key: b64('x') })) as {
      header: { revision: string };
    };
    return BigInt(header.revision);
  }

  async get(key: string): Promise<Record<string, unknown> | undefined> {
    const text = (await this.all(key)).get(key);
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
  }

  async #answers(): Promise<boolean> {
    try {
      const { body } = await request(`${this.endpoint}/v3/kv/range`, {
        method: 'POST',
        body: JSON.stringify({ key: b64('x') }),
        reset: true,
      });
      await body.dump();
      // With authentication on, a refusal is an answer too.
      return true;
    } catch {
      return false;
    }
  }
}

export const b64 = (text: string): string => Buffer.from(text).toString('base64');
const unb64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
