/** Connections to the servers of a Nacos, one of which is asked at a time; every call has a deadline of ours. */

import { Pool } from 'undici';
import { type RegistryDeps, RegistryError } from '../../core/registry.ts';
import { tlsConnector } from '../shared/tls.ts';
import type { NacosOptions } from './options.ts';

export type ConnectionDeps = Pick<RegistryDeps, 'name' | 'clock' | 'scope' | 'baseDir'>;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the context path. */
  readonly path: string;
  readonly params: Readonly<Record<string, string | number | boolean>>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** To one server. */
const CONNECTIONS = 16;

/** Bytes of an answer; a page of ten thousand instances has some five million. */
const LARGEST = 128 * 1024 * 1024;

export class Connections {
  readonly #options: NacosOptions;
  readonly #deps: ConnectionDeps;
  readonly #servers: readonly { readonly origin: string; readonly context: string; readonly pool: Pool }[];
  #current = 0;

  constructor(options: NacosOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    const connect = tlsConnector(options.tls, options.timeout, deps.baseDir);
    this.#servers = options.servers.map(({ origin, context }) => ({
      origin,
      context,
      pool: new Pool(origin, {
        connections: CONNECTIONS,
        maxResponseSize: LARGEST,
        connect,
      }),
    }));
    deps.scope.defer(async () => {
      await Promise.all(this.#servers.map(({ pool }) => pool.destroy()));
    });
  }

  /** Whatever a server answers. The next ones are asked in turn when one cannot be reached or is starting. */
  async ask(call: Call, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    for (let left = this.#servers.length; ; left--) {
      const at = this.#current;
      try {
        return await this.#askOne(at, call, headers, signal);
      } catch (error) {
        signal.throwIfAborted();
        const failure = this.#failure(call, error);
        if (failure.code !== 'unreachable') throw failure;
        // Of many calls that fail at once, one turns to the next server.
        if (at === this.#current) this.#current = (at + 1) % this.#servers.length;
        if (left <= 1) throw failure;
      }
    }
  }

  async #askOne(
    at: number,
    { method, path, params }: Call,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const server = this.#servers[at];
    if (server === undefined) throw new Error('there is no server of that number');
    const text = new URLSearchParams(
      Object.entries(params).map(([key, value]) => [key, String(value)]),
    ).toString();
    // Of PATCH and DELETE Nacos reads no form.
    const form = method === 'POST' || method === 'PUT';
    // undici's own timeouts come up to a second late.
    using deadline = this.#deps.clock.deadline(this.#options.timeout, signal);
    try {
      const { statusCode, body } = await server.pool.request({
        method,
        path: server.context + path + (form || text === '' ? '' : `?${text}`),
        ...(form ? { body: text } : {}),
        headers: {
          accept: 'application/json',
          ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
          ...headers,
        },
        signal: deadline.signal,
      });
      const answer = { status: statusCode, text: await body.text() };
      // A server that is starting or behind a proxy that does not find it.
      if (statusCode === 502 || statusCode === 503 || statusCode === 504)
        throw this.#error('unreachable', { path }, `answered ${statusCode}: ${excerpt(answer.text)}`);
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.expired)
        throw this.#error('unreachable', { path }, `no answer within ${this.#options.timeout} ms`, error);
      throw error;
    }
  }

  #failure(call: Pick<Call, 'path'>, error: unknown): RegistryError {
    if (error instanceof RegistryError) return error;
    return this.#error('unreachable', call, error instanceof Error ? error.message : String(error), error);
  }

  #error(code: 'unreachable', { path }: Pick<Call, 'path'>, what: string, cause?: unknown): RegistryError {
    const origin = this.#servers[this.#current]?.origin ?? '';
    return new RegistryError(code, `registry ${this.#deps.name}: ${origin}${path}: ${what}`, { cause });
  }
}

/** Of what a server says in trouble, the beginning. */
export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
