/** Calls to Eureka's servers, one of which is asked at a time; every call has a deadline of ours. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Pool } from 'undici';
import type { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { RegistryError, type RegistryErrorCode } from '../../core/registry.ts';
import { tlsConnector } from '../shared/tls.ts';
import type { EurekaOptions } from './options.ts';
import { type InstanceInfo, type Listing, listing, preservationIn, single } from './wire.ts';

export interface ApiDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly scope: AsyncDisposableStack;
  readonly baseDir: string;
}

interface Server {
  readonly url: string;
  readonly pool: Pool;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Method = 'GET' | 'PUT' | 'DELETE';

const CONNECTIONS = 8;
/** Bytes of an answer; ten thousand instances are some ten million. */
const LARGEST = 256 * 1024 * 1024;

export class EurekaApi {
  readonly #options: EurekaOptions;
  readonly #deps: ApiDeps;
  readonly #servers: readonly Server[];
  #current = 0;

  constructor(options: EurekaOptions, deps: ApiDeps) {
    this.#options = options;
    this.#deps = deps;
    const connect = tlsConnector(options.tls, options.timeout, deps.baseDir);
    this.#servers = options.urls.map((url) => ({
      url,
      pool: new Pool(new URL(url).origin, {
        connections: CONNECTIONS,
        maxResponseSize: LARGEST,
        connect,
      }),
    }));
    deps.scope.defer(async () => {
      await Promise.all(this.#servers.map(({ pool }) => pool.destroy()));
    });
  }

  /** The server that is asked now. */
  get server(): string {
    return this.#server().url;
  }

  async all(signal: AbortSignal): Promise<Listing> {
    return this.#list('/apps', signal);
  }

  /** What changed of late; undefined where the server gives none. */
  async changes(signal: AbortSignal): Promise<Listing | undefined> {
    try {
      return await this.#list('/apps/delta', signal);
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'forbidden') return undefined;
      throw error;
    }
  }

  /** Past the server's caches; undefined where there is no such instance. */
  async get(app: string, id: string, signal: AbortSignal): Promise<InstanceInfo | undefined> {
    const path = pathOf(app, id);
    const answer = await this.#ask('GET', path, signal);
    if (answer.status === 404) return undefined;
    return this.#decode(single, this.#ok(answer, path).text, path);
  }

  /** False where there is no such instance. */
  putMetadata(app: string, id: string, key: string, value: string, signal: AbortSignal): Promise<boolean> {
    const query = `${encodeURIComponent(key)}=${encodeURIComponent(value)}`;
    return this.#change('PUT', `${pathOf(app, id)}/metadata?${query}`, signal);
  }

  putOverride(app: string, id: string, status: string, signal: AbortSignal): Promise<boolean> {
    return this.#change('PUT', `${pathOf(app, id)}/status?value=${encodeURIComponent(status)}`, signal);
  }

  /** Without a status the server would say UNKNOWN until the provider registers again. */
  deleteOverride(app: string, id: string, status: string, signal: AbortSignal): Promise<boolean> {
    return this.#change('DELETE', `${pathOf(app, id)}/status?value=${encodeURIComponent(status)}`, signal);
  }

  /** Whether the server says of itself that it preserves what does not renew; undefined where it does not say. */
  async preserves(signal: AbortSignal): Promise<boolean | undefined> {
    const { url, pool } = this.#server();
    try {
      const { pathname } = new URL(url);
      const path = pathname.replace(/\/eureka(\/v2)?$/, '') || '/';
      const { status, text } = await this.#send(pool, 'GET', path, 'text/html', signal);
      return status === 200 ? preservationIn(text) : undefined;
    } catch {
      signal.throwIfAborted();
      // The page is for people, and may be absent.
      return undefined;
    }
  }

  async #list(path: string, signal: AbortSignal): Promise<Listing> {
    const answer = this.#ok(await this.#ask('GET', path, signal), path);
    return this.#decode(listing, answer.text, path);
  }

  async #change(method: Method, path: string, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#ask(method, path, signal);
    if (answer.status === 404) return false;
    this.#ok(answer, path);
    return true;
  }

  /** The next servers are asked in turn when one cannot be reached or is at its end. */
  async #ask(method: Method, path: string, signal: AbortSignal): Promise<Answer> {
    for (let left = this.#servers.length; ; left--) {
      const server = this.#server();
      let failure: RegistryError;
      try {
        const base = new URL(server.url).pathname.replace(/\/$/, '');
        const answer = await this.#send(server.pool, method, base + path, 'application/json', signal);
        if (answer.status < 500 || left <= 1) return answer;
        failure = this.#error(codeOf(answer.status), path, `answered ${answer.status}`);
      } catch (error) {
        signal.throwIfAborted();
        failure = error instanceof RegistryError ? error : this.#error('unreachable', path, error);
      }
      // Of many calls that fail at once, one turns to the next server.
      if (server === this.#server()) this.#current++;
      if (left <= 1) throw failure;
    }
  }

  async #send(
    pool: Pool,
    method: Method,
    path: string,
    accept: string,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { timeout } = this.#options;
    // undici's own timeouts come up to a second late.
    using deadline = this.#deps.clock.deadline(timeout, signal);
    try {
      const { statusCode, body } = await pool.request({
        method,
        path,
        headers: { accept, ...(await this.#credentials()) },
        signal: deadline.signal,
      });
      return { status: statusCode, text: await body.text() };
    } catch (error) {
      signal.throwIfAborted();
      throw deadline.expired ? new Error(`no answer within ${timeout} ms`, { cause: error }) : error;
    }
  }

  #ok(answer: Answer, path: string): Answer {
    if (answer.status === 200) return answer;
    throw this.#error(codeOf(answer.status), path, `answered ${answer.status}`);
  }

  #decode<T>(schema: z.ZodType<T>, text: string, path: string): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw this.#error('protocol', path, 'the answer is not what a Eureka server says', error);
    }
  }

  #server(): Server {
    const server = this.#servers[this.#current % this.#servers.length];
    if (server === undefined) throw this.#error('unreachable', '', 'no servers');
    return server;
  }

  /** The file is read for each call: the password may be renewed. */
  async #credentials(): Promise<Record<string, string>> {
    const { username, password, passwordFile } = this.#options;
    if (username === undefined) return {};
    const secret = passwordFile === undefined ? (password ?? '') : await this.#secret(passwordFile);
    return { authorization: `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}` };
  }

  async #secret(file: string): Promise<string> {
    try {
      return (await readFile(resolve(this.#deps.baseDir, file), 'utf8')).replace(/[\r\n]+$/, '');
    } catch (error) {
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${file}`, {
        cause: error,
      });
    }
  }

  #error(code: RegistryErrorCode, path: string, what: unknown, cause: unknown = what): RegistryError {
    const words = what instanceof Error ? what.message : String(what);
    return new RegistryError(code, `registry ${this.#deps.name}: ${this.#where()}${path}: ${words}`, {
      cause,
    });
  }

  #where(): string {
    return this.#servers[this.#current % this.#servers.length]?.url ?? '';
  }
}

function pathOf(app: string, id: string): string {
  return `/apps/${encodeURIComponent(app.toUpperCase())}/${encodeURIComponent(id)}`;
}

function codeOf(status: number): RegistryErrorCode {
  if (status === 401) return 'unauthorised';
  if (status === 403) return 'forbidden';
  if (status === 429 || status === 503) return 'overloaded';
  return status >= 500 ? 'unreachable' : 'protocol';
}
