/** Connections to the apiserver: one pool for calls, each with a deadline of ours, and one for watches, which stay. */

import { StringDecoder } from 'node:string_decoder';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { RegistryError } from '../../core/registry.ts';
import { type Access, type AccessDeps, AccessFiles } from './access.ts';
import { failureOf } from './failure.ts';
import type { KubernetesOptions } from './options.ts';

export interface ConnectionDeps extends AccessDeps {
  readonly scope: AsyncDisposableStack;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Goes by connections of its own, so that nothing that matters waits for it. */
  readonly aside?: boolean;
}

/** For calls; the apiserver's fairness has less use for more. */
const CONNECTIONS = 16;
/** The kernel asks a silent peer after this long, milliseconds, then every second, and gives up after ten. */
const KEEP_ALIVE = 10_000;
/** Longer than from one sign of life to the next, which then need no handshake; the apiserver's own limit is 90 s. */
const IDLE = 30_000;
/** Characters of one line: an object is at most 1.5 MiB in etcd, and a little more as JSON. */
const LONGEST_LINE = 16 * 1024 * 1024;
/** Times that the apiserver may tell one call to come again, and the longest that it is waited for, milliseconds. */
const AGAIN = 2;
const LONGEST_WAIT = 2_000;

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

interface Pools {
  readonly calls: Pool;
  readonly watches: Pool;
  readonly aside: Pool;
}

export class Connections {
  readonly #options: KubernetesOptions;
  readonly #deps: ConnectionDeps;
  readonly #access: AccessFiles;
  /** By origin: a kubeconfig may come to name another server. */
  readonly #pools = new Map<string, Pools>();

  constructor(options: KubernetesOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#access = new AccessFiles(options, deps);
    deps.scope.defer(async () => {
      const pools = [...this.#pools.values()].flatMap(({ calls, watches, aside }) => [calls, watches, aside]);
      await Promise.all(pools.map((pool) => pool.destroy()));
    });
  }

  /** The answer's text. Waits and asks again where the apiserver is busy and says so (429 with Retry-After). */
  async ask(call: Call, signal: AbortSignal): Promise<string> {
    for (let again = 0, login = 0; ; ) {
      const { status, text, retryAfter } = await this.#askTwice(call, signal);
      if (status >= 200 && status < 300) return text;
      if (status === 401 && login++ === 0) {
        this.#access.forget();
        continue;
      }
      if (status !== 429 || retryAfter === undefined || again++ === AGAIN)
        throw this.#refusal(call, status, text);
      await this.#deps.clock.sleep(Math.min(retryAfter * 1_000, LONGEST_WAIT), signal);
    }
  }

  /**
   * The lines of an answer that stays open, together as they arrived. Ends when the apiserver ends it, when the connection
   * breaks, or when nothing came for `silence` milliseconds. Throws `RegistryError` when it was not answered at all.
   */
  async *lines(path: string, silence: number, signal: AbortSignal): AsyncGenerator<readonly string[]> {
    const body = await this.#open(path, silence, signal);
    const decoder = new StringDecoder('utf8');
    let parts: string[] = [];
    let length = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        const [first = '', ...rest] = decoder.write(chunk).split('\n');
        parts.push(first);
        length += first.length;
        if (length > LONGEST_LINE)
          throw this.#error('protocol', path, `a line longer than ${LONGEST_LINE} characters`);
        const lines: string[] = [];
        for (const start of rest) {
          const line = parts.join('');
          parts = [start];
          length = start.length;
          if (line !== '') lines.push(line);
        }
        if (lines.length > 0) yield lines;
      }
    } catch (error) {
      signal.throwIfAborted();
      // What broke off is asked for again from where it was; that this fails, too, is told then.
      if (error instanceof RegistryError) throw error;
    } finally {
      body.destroy();
    }
  }

  async #open(path: string, silence: number, signal: AbortSignal): Promise<Dispatcher.ResponseData['body']> {
    for (let login = 0; ; login++) {
      try {
        const access = await this.#access.current();
        const { statusCode, body } = await this.#of(access).watches.request({
          ...requestOf({ method: 'GET', path }, access),
          headersTimeout: this.#options.timeout,
          bodyTimeout: silence,
          signal,
        });
        if (statusCode === 200) return body;
        const text = await body.text();
        if (statusCode !== 401 || login > 0) throw this.#refusal({ method: 'GET', path }, statusCode, text);
        this.#access.forget();
      } catch (error) {
        signal.throwIfAborted();
        throw this.#failure(path, error);
      }
    }
  }

  /** A connection that was kept may have been closed meanwhile: what changes nothing is asked once more, at once. */
  async #askTwice(call: Call, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#askOnce(call, signal);
    } catch (error) {
      const closed = error instanceof RegistryError && isReset(error.cause);
      if (!closed || call.method !== 'GET') throw error;
      return this.#askOnce(call, signal);
    }
  }

  async #askOnce(call: Call, signal: AbortSignal): Promise<Answer> {
    try {
      const access = await this.#access.current();
      // undici's own timeouts come up to a second late.
      using deadline = this.#deps.clock.deadline(this.#options.timeout, signal);
      const { statusCode, headers, body } = await this.#of(access)[
        call.aside === true ? 'aside' : 'calls'
      ].request({
        ...requestOf(call, access),
        signal: deadline.signal,
      });
      const text = await body.text();
      const wait = Number(headers['retry-after']);
      return { status: statusCode, text, retryAfter: Number.isFinite(wait) ? wait : undefined };
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failure(call.path, error);
    }
  }

  #of({ origin }: Access): Pools {
    const known = this.#pools.get(origin);
    if (known !== undefined) return known;
    const pools = {
      calls: new Pool(origin, {
        connections: CONNECTIONS,
        keepAliveTimeout: IDLE,
        connect: this.#connect,
      }),
      watches: new Pool(origin, { connections: null, connect: this.#connect }),
      aside: new Pool(origin, { connections: 2, connect: this.#connect }),
    };
    this.#pools.set(origin, pools);
    return pools;
  }

  /** Reads the TLS files for every connection: certificates are renewed while sonde runs. */
  readonly #connect: buildConnector.connector = (target, callback) => {
    this.#access
      .current()
      .then(({ tls: { servername, ...tls } }) => {
        const settings = { timeout: this.#options.timeout, keepAliveInitialDelay: KEEP_ALIVE, ...tls };
        buildConnector(settings)(servername === undefined ? target : { ...target, servername }, callback);
      })
      .catch((error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null));
  };

  #refusal({ method, path }: Call, status: number, text: string): RegistryError {
    const { code, message } = failureOf(status, text);
    return this.#error(code, `${method} ${path}`, message, status);
  }

  #failure(path: string, error: unknown): RegistryError {
    if (error instanceof RegistryError) return error;
    return this.#error('unreachable', path, error instanceof Error ? error.message : String(error), error);
  }

  #error(code: RegistryError['code'], what: string, message: string, cause?: unknown): RegistryError {
    return new RegistryError(code, `registry ${this.#deps.name}: ${what}: ${message}`, { cause });
  }
}

function isReset(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}

/** The HTTP status that a refusal came with. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof RegistryError && typeof error.cause === 'number' ? error.cause : undefined;
}

function requestOf({ method, path, body, contentType }: Call, { base, token }: Access) {
  return {
    method,
    path: `${base}${path}`,
    headers: {
      accept: 'application/json',
      'user-agent': 'sonde',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body }),
  };
}
