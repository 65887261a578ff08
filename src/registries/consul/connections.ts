/** Connections to agents or servers of Consul, one of which is asked at a time; every call has a deadline of ours. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { RegistryError } from '../../core/registry.ts';
import { tlsConnector } from '../shared/tls.ts';
import type { ConsulOptions } from './options.ts';

export interface ConnectionDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly scope: AsyncDisposableStack;
  readonly baseDir: string;
}

export interface Call {
  readonly method: 'GET' | 'PUT';
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  /** Milliseconds that the other side may take on purpose. */
  readonly wait: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Beside those that wait for news. Consul takes 200 of one client by default (`http_max_conns_per_client`). */
const FREE = 16;

/** Part of the wait that Consul adds at random (agent/consul/rpc.go: JitterFraction). */
const JITTER = 1 / 16;

interface Member {
  readonly endpoint: string;
  readonly pool: Pool;
}

export class Connections {
  readonly #options: ConsulOptions;
  readonly #deps: ConnectionDeps;
  readonly #members: readonly Member[];
  #current = 0;

  constructor(options: ConsulOptions, deps: ConnectionDeps, endpoints = options.endpoints) {
    this.#options = options;
    this.#deps = deps;
    const connections = options.watches + FREE;
    const connect = tlsConnector(options.tls, options.timeout, deps.baseDir);
    this.#members = endpoints.map((endpoint) => ({
      endpoint,
      pool: new Pool(endpoint, { connections, connect, headersTimeout: 0, bodyTimeout: 0 }),
    }));
    deps.scope.defer(async () => {
      await Promise.all(this.#members.map(({ pool }) => pool.destroy()));
    });
  }

  /** Whatever is answered below 500. The next members are asked in turn when one cannot be reached, or fails. */
  async ask(call: Call, signal: AbortSignal): Promise<Reply> {
    for (let left = this.#members.length; ; left--) {
      const member = this.#member();
      try {
        const reply = await this.#askOne(member, call, signal);
        if (reply.status < 500) return reply;
        throw new Error(`answered ${reply.status}: ${reply.text.trim().slice(0, 300)}`);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RegistryError) throw error;
        // Of many calls that fail at once, one turns to the next member.
        if (member === this.#member()) this.#current++;
        if (left <= 1) throw this.#unreachable(member.endpoint, call.path, error);
      }
    }
  }

  #unreachable(endpoint: string, path: string, error: unknown): RegistryError {
    const what = error instanceof Error ? error.message : String(error);
    const where = endpoint + path.replace(/\?.*$/, '');
    const message = `registry ${this.#deps.name}: ${where}: ${what}`;
    return new RegistryError('unreachable', message, { cause: error });
  }

  #member(): Member {
    const member = this.#members[this.#current % this.#members.length];
    if (member === undefined)
      throw new RegistryError('unreachable', `registry ${this.#deps.name}: no endpoints`);
    return member;
  }

  async #askOne({ pool }: Member, { method, path, body, wait }: Call, signal: AbortSignal): Promise<Reply> {
    const limit = wait + wait * JITTER + this.#options.timeout;
    using deadline = this.#deps.clock.deadline(limit, signal);
    const token = await this.#token();
    const headers = {
      accept: 'application/json',
      ...(token === undefined ? {} : { 'x-consul-token': token }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    try {
      const reply = await pool.request({
        method,
        path,
        headers,
        signal: deadline.signal,
        ...(body === undefined ? {} : { body }),
      });
      return { status: reply.statusCode, headers: reply.headers, text: await reply.body.text() };
    } catch (error) {
      if (deadline.expired) throw new Error(`no answer within ${Math.round(limit)} ms`, { cause: error });
      throw error;
    }
  }

  /** Read for every call: tokens are renewed while sonde runs. */
  async #token(): Promise<string | undefined> {
    const { token, tokenFile } = this.#options;
    if (tokenFile === undefined) return token;
    try {
      return (await readFile(resolve(this.#deps.baseDir, tokenFile), 'utf8')).trim();
    } catch (error) {
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${tokenFile}`, {
        cause: error,
      });
    }
  }
}
