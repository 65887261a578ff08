/** Speaks to etcd's JSON gateway: every call with a deadline of ours, the next endpoint when one fails, a new token in time. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Pool } from 'undici';
import type { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { RegistryError } from '../../core/registry.ts';
import type { EtcdOptions } from './options.ts';
import {
  authResponse,
  base64,
  failureOf,
  type KeyValue,
  prefixEnd,
  rangeResponse,
  txnResponse,
  type WatchLine,
  watchLine,
} from './wire.ts';

export interface ApiDeps {
  readonly name: string;
  readonly clock: Clock;
  readonly scope: AsyncDisposableStack;
  readonly baseDir: string;
}

/** Keys asked for at once. */
const PAGE = 1_000;

export interface Listing {
  readonly kvs: readonly KeyValue[];
  /** At which all of them were read. */
  readonly revision: string;
}

export class EtcdApi {
  readonly #options: EtcdOptions;
  readonly #deps: ApiDeps;
  #pools: readonly Pool[] | undefined;
  #current = 0;
  #token: string | undefined;

  constructor(options: EtcdOptions, deps: ApiDeps) {
    this.#options = options;
    this.#deps = deps;
    deps.scope.defer(async () => {
      await Promise.all((this.#pools ?? []).map((pool) => pool.destroy()));
    });
  }

  /** All keys below the prefix, page by page at one revision. */
  async list(prefix: string, signal: AbortSignal): Promise<Listing> {
    const kvs: KeyValue[] = [];
    let revision: string | undefined;
    let from = base64(prefix);
    for (;;) {
      const request = {
        key: from,
        range_end: prefixEnd(prefix),
        limit: PAGE,
        ...(revision === undefined ? {} : { revision }),
      };
      const page = await this.#call('/v3/kv/range', request, rangeResponse, signal);
      revision ??= page.header.revision;
      kvs.push(...page.kvs);
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { kvs, revision };
      // The next key in byte order.
      from = base64(`${last.key}\0`);
    }
  }

  /** How many keys there are below the prefix; also a sign of life. */
  async count(prefix: string, signal: AbortSignal): Promise<number> {
    const request = { key: base64(prefix), range_end: prefixEnd(prefix), count_only: true };
    return Number((await this.#call('/v3/kv/range', request, rangeResponse, signal)).count);
  }

  async get(key: string, signal: AbortSignal): Promise<KeyValue | undefined> {
    return (await this.#call('/v3/kv/range', { key: base64(key) }, rangeResponse, signal)).kvs[0];
  }

  /** Carries out the operations if all comparisons hold; tells whether they did. */
  async txn(
    compare: readonly Compare[],
    success: readonly Operation[],
    signal: AbortSignal,
  ): Promise<boolean> {
    return (await this.#call('/v3/kv/txn', { compare, success }, txnResponse, signal)).succeeded;
  }

  /** Changes below the prefix from that revision on, line by line; ends with an error or when aborted. */
  async *watch(prefix: string, fromRevision: string, signal: AbortSignal): AsyncGenerator<WatchLine> {
    const body = JSON.stringify({
      create_request: { key: base64(prefix), range_end: prefixEnd(prefix), start_revision: fromRevision },
    });
    const pool = await this.#pool();
    const response = await this.#guarded('/v3/watch', () =>
      pool.request({
        method: 'POST',
        path: '/v3/watch',
        headers: this.#headers(),
        body,
        signal,
        // A quiet stream is no failure; that the server lives is asked by other calls.
        headersTimeout: this.#options.timeout,
        bodyTimeout: 0,
      }),
    );
    if (response.statusCode !== 200)
      throw this.#refusal('/v3/watch', response.statusCode, await response.body.text());
    let rest = '';
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        const lines = (rest + chunk.toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield this.#decode('/v3/watch', watchLine, line);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RegistryError) throw error;
      throw this.#unreachable('/v3/watch', error);
    }
    throw this.#unreachable('/v3/watch', new Error('the stream ended'));
  }

  /** The next call logs in again. */
  forgetToken(): void {
    this.#token = undefined;
  }

  async #call<T extends z.ZodType>(
    path: string,
    request: object,
    schema: T,
    signal: AbortSignal,
  ): Promise<z.output<T>> {
    let failed: RegistryError | undefined;
    for (let attempt = 0; attempt < Math.max(2, this.#options.endpoints.length); attempt++) {
      try {
        await this.#login(signal);
        return await this.#once(path, request, schema, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RegistryError)) throw error;
        failed = error;
        if (error.code === 'unauthorised' && this.#token !== undefined) this.forgetToken();
        else if (error.code === 'unreachable' && this.#options.endpoints.length > 1) this.#current++;
        else throw error;
      }
    }
    throw failed ?? new RegistryError('unreachable', `registry ${this.#deps.name}: no endpoint`);
  }

  async #once<T extends z.ZodType>(
    path: string,
    request: object,
    schema: T,
    signal: AbortSignal,
  ): Promise<z.output<T>> {
    using deadline = this.#deps.clock.deadline(this.#options.timeout, signal);
    const pool = await this.#pool();
    const { statusCode, text } = await this.#guarded(path, async () => {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path,
        headers: this.#headers(),
        body: JSON.stringify(request),
        signal: deadline.signal,
      });
      return { statusCode, text: await body.text() };
    });
    if (statusCode !== 200) throw this.#refusal(path, statusCode, text);
    return this.#decode(path, schema, text);
  }

  async #login(signal: AbortSignal): Promise<void> {
    const { username, password, passwordFile } = this.#options;
    if (username === undefined || this.#token !== undefined) return;
    const secret = password ?? (await this.#read(passwordFile)) ?? '';
    const request = { name: username, password: secret.replace(/[\r\n]+$/, '') };
    try {
      this.#token = (await this.#once('/v3/auth/authenticate', request, authResponse, signal)).token;
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'protocol') throw error;
      // etcd answers a wrong password with "invalid argument".
      throw new RegistryError('unauthorised', error.message, { cause: error });
    }
  }

  #headers(): Record<string, string> {
    const headers = { 'content-type': 'application/json' };
    return this.#token === undefined ? headers : { ...headers, authorization: this.#token };
  }

  async #pool(): Promise<Pool> {
    this.#pools ??= await this.#connectAll();
    const pool = this.#pools[this.#current % this.#pools.length];
    if (pool === undefined)
      throw new RegistryError('unreachable', `registry ${this.#deps.name}: no endpoint`);
    return pool;
  }

  async #connectAll(): Promise<readonly Pool[]> {
    const { tls, endpoints, timeout } = this.#options;
    const [ca, cert, key] = await Promise.all(
      [tls.caFile, tls.certFile, tls.keyFile].map((file) => this.#read(file)),
    );
    const connect = {
      timeout,
      rejectUnauthorized: !tls.insecure,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
    // A watch keeps its connection for itself.
    return endpoints.map((origin) => new Pool(origin, { connections: 16, connect }));
  }

  async #read(file: string | undefined): Promise<string | undefined> {
    if (file === undefined) return undefined;
    try {
      return await readFile(resolve(this.#deps.baseDir, file), 'utf8');
    } catch (error) {
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${file}`, {
        cause: error,
      });
    }
  }

  async #guarded<T>(path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw error instanceof RegistryError ? error : this.#unreachable(path, error);
    }
  }

  #unreachable(path: string, error: unknown): RegistryError {
    const endpoint = this.#options.endpoints[this.#current % this.#options.endpoints.length] ?? '';
    const what = error instanceof Error ? error.message : String(error);
    return new RegistryError('unreachable', `registry ${this.#deps.name}: ${endpoint}${path}: ${what}`, {
      cause: error,
    });
  }

  #refusal(path: string, status: number, body: string): RegistryError {
    const { code, message } = failureOf(status, body);
    return new RegistryError(code, `registry ${this.#deps.name}: ${path}: ${message}`);
  }

  #decode<T extends z.ZodType>(path: string, schema: T, text: string): z.output<T> {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw new RegistryError(
        'protocol',
        `registry ${this.#deps.name}: ${path}: an answer that etcd does not give`,
        {
          cause: error,
        },
      );
    }
  }
}

export type Compare =
  | { readonly key: string; readonly target: 'MOD'; readonly result: 'EQUAL'; readonly mod_revision: string }
  | {
      readonly key: string;
      readonly target: 'CREATE';
      readonly result: 'EQUAL';
      readonly create_revision: string;
    };

export type Operation =
  | {
      readonly request_put: { readonly key: string; readonly value: string; readonly ignore_lease?: boolean };
    }
  | { readonly request_delete_range: { readonly key: string } };

/** The key is as it was read; revision 0: there is none. */
export function unchangedSince(key: string, modRevision: string): Compare {
  return { key: base64(key), target: 'MOD', result: 'EQUAL', mod_revision: modRevision };
}

export function sameLife(key: string, createRevision: string): Compare {
  return { key: base64(key), target: 'CREATE', result: 'EQUAL', create_revision: createRevision };
}

export function put(key: string, value: string, keepLease: boolean): Operation {
  return {
    request_put: { key: base64(key), value: base64(value), ...(keepLease ? { ignore_lease: true } : {}) },
  };
}

export function remove(key: string): Operation {
  return { request_delete_range: { key: base64(key) } };
}
