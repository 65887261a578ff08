/** Connections to the members of etcd, one of which is asked at a time; every call has a deadline of ours. */

import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { RegistryError } from '../../core/registry.ts';
import { tlsConnector } from '../shared/tls.ts';
import type { EtcdOptions } from './options.ts';
import { failureOf } from './wire.ts';

export interface ConnectionDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly scope: AsyncDisposableStack;
  readonly baseDir: string;
}

export interface Call {
  readonly path: string;
  readonly body: string;
  readonly token: string | undefined;
}

/** To one member; a watch keeps one of them for itself. */
const CONNECTIONS = 16;

export class Connections {
  readonly #options: EtcdOptions;
  readonly #deps: ConnectionDeps;
  readonly #members: readonly { readonly endpoint: string; readonly pool: Pool }[];
  #current = 0;

  constructor(options: EtcdOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    const connect = tlsConnector(options.tls, options.timeout, deps.baseDir);
    this.#members = options.endpoints.map((endpoint) => ({
      endpoint,
      pool: new Pool(endpoint, { connections: CONNECTIONS, connect }),
    }));
    deps.scope.defer(async () => {
      await Promise.all(this.#members.map(({ pool }) => pool.destroy()));
    });
  }

  /** The answer's text. The next members are asked in turn when one cannot be reached. */
  async ask(call: Call, signal: AbortSignal): Promise<string> {
    for (let left = this.#members.length; ; left--) {
      const member = this.#member();
      try {
        return await this.#askOne(member, call, signal);
      } catch (error) {
        signal.throwIfAborted();
        const failure = this.#failureAt(member.endpoint, call.path, error);
        if (failure.code !== 'unreachable') throw failure;
        // Of many calls that fail at once, one turns to the next member.
        if (member === this.#member()) this.#current++;
        if (left <= 1) throw failure;
      }
    }
  }

  /** The lines of an answer that does not end. Throws `RegistryError` when it does, and `signal.reason`. */
  async *lines(call: Call, signal: AbortSignal): AsyncGenerator<string> {
    const { endpoint, pool } = this.#member();
    try {
      // A quiet stream is no failure: that the server lives is asked by other calls.
      const silence = { headersTimeout: this.#options.timeout, bodyTimeout: 0 };
      const { statusCode, body } = await pool.request({ ...requestOf(call), ...silence, signal });
      if (statusCode !== 200) throw this.#refusal(call.path, statusCode, await body.text());
      let parts: string[] = [];
      // The gateway's lines are ASCII: bytes are base64.
      for await (const chunk of body as AsyncIterable<Buffer>) {
        const [first = '', ...rest] = chunk.toString('latin1').split('\n');
        parts.push(first);
        for (const start of rest) {
          const line = parts.join('');
          parts = [start];
          if (line !== '') yield line;
        }
      }
      throw new Error('the stream ended');
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failureAt(endpoint, call.path, error);
    }
  }

  #member(): { readonly endpoint: string; readonly pool: Pool } {
    const member = this.#members[this.#current % this.#members.length];
    if (member === undefined)
      throw new RegistryError('unreachable', `registry ${this.#deps.name}: no endpoints`);
    return member;
  }

  async #askOne({ pool }: { readonly pool: Pool }, call: Call, signal: AbortSignal): Promise<string> {
    // undici's own timeouts come up to a second late.
    using deadline = this.#deps.clock.deadline(this.#options.timeout, signal);
    const { statusCode, body } = await pool.request({ ...requestOf(call), signal: deadline.signal });
    const text = await body.text();
    if (statusCode !== 200) throw this.#refusal(call.path, statusCode, text);
    return text;
  }

  #refusal(path: string, status: number, body: string): RegistryError {
    const { code, message } = failureOf(status, body);
    return new RegistryError(code, `registry ${this.#deps.name}: ${path}: ${message}`);
  }

  #failureAt(endpoint: string, path: string, error: unknown): RegistryError {
    if (error instanceof RegistryError) return error;
    const what = error instanceof Error ? error.message : String(error);
    return new RegistryError('unreachable', `registry ${this.#deps.name}: ${endpoint}${path}: ${what}`, {
      cause: error,
    });
  }
}

function requestOf({ path, body, token }: Call) {
  const headers = { 'content-type': 'application/json' };
  return {
    method: 'POST' as const,
    path,
    body,
    headers: token === undefined ? headers : { ...headers, authorization: token },
  };
}
