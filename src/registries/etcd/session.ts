/** The login: one token for all calls, made once however many need it, and anew when etcd no longer takes it. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RegistryError } from '../../core/registry.ts';
import type { ConnectionDeps, Connections } from './connections.ts';
import type { EtcdOptions } from './options.ts';
import { authResponse, decodeText } from './wire.ts';

export class Session {
  readonly #options: EtcdOptions;
  readonly #deps: ConnectionDeps;
  readonly #connections: Connections;
  /** Ends a login that nobody waits for any more. */
  readonly #closing = new AbortController();
  #login: Promise<string> | undefined;

  constructor(options: EtcdOptions, deps: ConnectionDeps, connections: Connections) {
    this.#options = options;
    this.#deps = deps;
    this.#connections = connections;
    deps.scope.defer(() => this.#closing.abort(new Error('closed')));
  }

  /** Undefined where no user is configured. */
  async token(signal: AbortSignal): Promise<string | undefined> {
    const { username } = this.#options;
    if (username === undefined) return undefined;
    // etcd takes its time for a login on purpose: of many calls without a token only one may ask.
    this.#login ??= this.#logIn(username).catch((error: unknown) => {
      this.#login = undefined;
      throw error;
    });
    return orAborted(this.#login, signal);
  }

  /** etcd did not take this token; a newer one stays. */
  async forget(token: string | undefined): Promise<void> {
    const login = this.#login;
    if (login !== undefined && (await login.catch(() => undefined)) === token && this.#login === login)
      this.#login = undefined;
  }

  async #logIn(name: string): Promise<string> {
    const request = JSON.stringify({ name, password: await this.#password() });
    const call = { path: '/v3/auth/authenticate', body: request, token: undefined };
    const answer = decodeText(authResponse, await this.#connections.ask(call, this.#closing.signal));
    if (answer !== undefined) return answer.token;
    throw new RegistryError('protocol', `registry ${this.#deps.name}: ${call.path}: no token in the answer`);
  }

  async #password(): Promise<string> {
    const { password, passwordFile } = this.#options;
    if (passwordFile === undefined) return password ?? '';
    try {
      const text = await readFile(resolve(this.#deps.baseDir, passwordFile), 'utf8');
      return text.replace(/[\r\n]+$/, '');
    } catch (error) {
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${passwordFile}`, {
        cause: error,
      });
    }
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
