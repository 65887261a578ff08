/** Who sonde is to a Nacos: a token that is made once and renewed in time, or the header by which servers know each other. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { RegistryError } from '../../core/registry.ts';
import { type Answer, type Call, type ConnectionDeps, Connections, excerpt } from './connections.ts';
import type { NacosOptions } from './options.ts';

/** In the order of age, newest first; the official client does so too. */
const LOGINS = ['/v3/auth/user/login', '/v1/auth/users/login', '/v1/auth/login'];

const token = z.object({
  accessToken: z.string().min(1),
  /** Seconds. */
  tokenTtl: z.number().positive().default(18_000),
});
const login = z.union([token, z.object({ data: token }).transform(({ data }) => data)]);

interface Login {
  readonly token: string;
  /** `Clock.now()`. */
  readonly renewAt: number;
}

export class Session {
  readonly #options: NacosOptions;
  readonly #deps: ConnectionDeps;
  readonly #connections: Connections;
  /** Ends a login that nobody waits for any more. */
  readonly #closing = new AbortController();
  #login: Promise<Login> | undefined;

  constructor(options: NacosOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#connections = new Connections(options, deps);
    deps.scope.defer(() => this.#closing.abort(new Error('closed')));
  }

  /** Whatever a server answers, after a login where one is needed. Throws `RegistryError` where there is no answer. */
  async ask(call: Call, signal: AbortSignal): Promise<Answer> {
    const first = await this.#present(signal);
    const answer = await this.#connections.ask(call, await this.#headers(first), signal);
    if (first === undefined || !isDenied(answer)) return answer;
    // An expired token and a permission that lacks are both 403: it is tried once more with a new token.
    if ((await this.#login?.catch(() => undefined))?.token === first.token) this.#login = undefined;
    const second = await this.#present(signal);
    return this.#connections.ask(call, await this.#headers(second), signal);
  }

  /** Says of a refusal what it means. */
  refusal({ path }: Pick<Call, 'path'>, { status, text }: Answer): RegistryError {
    const anonymous = this.#options.username === undefined && this.#options.identity === undefined;
    const code =
      status === 401 || (status === 403 && anonymous)
        ? 'unauthorised'
        : status === 403
          ? 'forbidden'
          : status === 429
            ? 'overloaded'
            : status >= 500 && status !== 501
              ? 'unreachable'
              : status === 404 || status === 410 || status === 501
                ? 'unsupported'
                : 'protocol';
    const message = `registry ${this.#deps.name}: ${path}: answered ${status}: ${excerpt(text)}`;
    return new RegistryError(code, message);
  }

  async #headers(login: Login | undefined): Promise<Record<string, string>> {
    const { identity } = this.#options;
    const headers: Record<string, string> = {};
    if (login !== undefined) headers.authorization = `Bearer ${login.token}`;
    if (identity !== undefined)
      headers[identity.key] = identity.value ?? (await this.#secret(identity.valueFile ?? ''));
    return headers;
  }

  /** Undefined where no user is configured. */
  async #present(signal: AbortSignal): Promise<Login | undefined> {
    const { username } = this.#options;
    if (username === undefined) return undefined;
    const known = await this.#login?.catch(() => undefined);
    if (known !== undefined && this.#deps.clock.now() >= known.renewAt) this.#login = undefined;
    // Of many calls without a token only one asks for it.
    this.#login ??= this.#logIn(username).catch((error: unknown) => {
      this.#login = undefined;
      throw error;
    });
    return orAborted(this.#login, signal);
  }

  async #logIn(username: string): Promise<Login> {
    const { password, passwordFile } = this.#options;
    const secret = passwordFile === undefined ? (password ?? '') : await this.#secret(passwordFile);
    const params = { username, password: secret };
    for (const path of LOGINS) {
      const at = this.#deps.clock.now();
      const answer = await this.#connections.ask({ method: 'POST', path, params }, {}, this.#closing.signal);
      if ([404, 405, 410, 501].includes(answer.status)) continue;
      // Nacos answers 403 to a wrong password, and 500 in some releases.
      if (answer.status !== 200)
        throw new RegistryError(
          answer.status === 429 ? 'overloaded' : 'unauthorised',
          `registry ${this.#deps.name}: ${path}: answered ${answer.status}: ${excerpt(answer.text)}`,
        );
      const decoded = login.safeParse(parseJson(answer.text));
      if (!decoded.success)
        throw new RegistryError('protocol', `registry ${this.#deps.name}: ${path}: no token in the answer`);
      const { accessToken, tokenTtl } = decoded.data;
      return { token: accessToken, renewAt: at + tokenTtl * 800 };
    }
    throw new RegistryError('unsupported', `registry ${this.#deps.name}: the server knows no login`);
  }

  /** Files are read each time: secrets are renewed while sonde runs. */
  async #secret(file: string): Promise<string> {
    try {
      return (await readFile(resolve(this.#deps.baseDir, file), 'utf8')).replace(/[\r\n]+$/, '');
    } catch (error) {
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${file}`, {
        cause: error,
      });
    }
  }
}

function isDenied({ status }: Answer): boolean {
  return status === 401 || status === 403;
}

/** Undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What is waited for by several goes on when one of them leaves. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
