/** One connection to one Redis server: every command has our deadline, and a connection that was lost stays lost. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RedisClient, RedisClientType } from '@redis/client';
import type { Clock } from '../../core/clock.ts';
import { RegistryError } from '../../core/registry.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { tlsTexts } from '../shared/tls.ts';
import { Refusal, refused, unreachable } from './failure.ts';
import type { Address, RedisOptions } from './options.ts';

export interface ConnectionDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly baseDir: string;
}

export interface Login {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly passwordFile: string | undefined;
  readonly database: number;
}

export type Command = readonly string[];

/** A subscriber asks for a sign of life this often, milliseconds; it gives up after three without one. */
const PING = 2_000;

/**
 * The library makes a class of hundreds of methods for each set of options that differs from the last, for tens of
 * milliseconds: one class does for all of ours. It is loaded where it is needed only.
 */
let made: Promise<ReturnType<typeof RedisClient.factory>> | undefined;

function clientFactory(): NonNullable<typeof made> {
  made ??= import('@redis/client').then((library) => library.RedisClient.factory({ RESP: 2 }));
  return made;
}

export class Connection {
  /** `host:port`. */
  readonly where: string;
  readonly #client: RedisClientType;
  readonly #timeout: number;
  readonly #deps: ConnectionDeps;
  readonly #lost = new AbortController();

  private constructor(where: string, client: RedisClientType, timeout: number, deps: ConnectionDeps) {
    this.where = where;
    this.#client = client;
    this.#timeout = timeout;
    this.#deps = deps;
    // What cannot be decoded leaves the connection out of step as surely as its end does.
    client.on('error', (error: unknown) => this.close(error));
  }

  /** Throws `RegistryError`, and `signal.reason`. */
  static async open(
    address: Address,
    login: Login,
    options: Pick<RedisOptions, 'tls' | 'timeout'>,
    deps: ConnectionDeps,
    signal: AbortSignal,
  ): Promise<Connection> {
    const where = formatHostPort(address.host, address.port);
    const make = await clientFactory();
    const password = await passwordOf(login, where, deps);
    // What the class was made with, its types do not take again; without it the client speaks RESP3.
    const given = {
      RESP: 2 as const,
      socket: {
        ...address,
        ...(options.tls === undefined ? {} : await tlsOf(options.tls, where, deps)),
        connectTimeout: options.timeout,
        reconnectStrategy: false as const,
        // Without it a subscriber never notices that its server hangs.
        socketTimeout: 3 * PING,
      },
      pingInterval: PING,
      disableOfflineQueue: true,
      disableClientInfo: true,
      ...(login.username === undefined ? {} : { username: login.username }),
      ...(password === undefined ? {} : { password }),
      ...(login.database === 0 ? {} : { database: login.database }),
    };
    const client = make(given) as unknown as RedisClientType;
    const connection = new Connection(where, client, options.timeout, deps);
    try {
      await connection.#within(() => client.connect(), signal);
    } catch (error) {
      connection.close(error);
      throw error;
    }
    return connection;
  }

  /** Aborted once it is lost or closed. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The answers in the order of the commands; error replies are told as `Refusal`. */
  sendAll(commands: readonly Command[], signal: AbortSignal): Promise<readonly unknown[]> {
    const send = async (command: Command): Promise<unknown> => {
      try {
        return await this.#client.sendCommand([...command]);
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        return refusal;
      }
    };
    return this.#within(() => Promise.all(commands.map(send)), signal);
  }

  /** The answer; throws `RegistryError` for an error reply too. */
  async send(command: Command, signal: AbortSignal): Promise<unknown> {
    const [answer] = await this.sendAll([command], signal);
    if (answer instanceof Refusal) throw refused(this.#deps.name, this.where, answer);
    return answer;
  }

  /** Tells what is published on the channels from now on. */
  subscribe(
    pattern: string,
    onMessage: (message: string, channel: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#within(() => this.#client.pSubscribe(pattern, onMessage), signal);
  }

  close(reason: unknown): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(reason);
    try {
      this.#client.destroy();
    } catch {
      // It was closed already.
    }
  }

  /** Of an abort, the connection lives on; a deadline that is over ends it, for nobody knows what it still does. */
  async #within<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    using deadline = this.#deps.clock.deadline(this.#timeout, signal);
    const over = Promise.withResolvers<never>();
    const onOver = (): void => {
      const late = new Error(`no answer within ${this.#timeout} ms`);
      if (deadline.expired) this.close(late);
      over.reject(late);
    };
    deadline.signal.addEventListener('abort', onOver, { once: true });
    const running = run();
    // Where nobody waits for it any more.
    running.catch(() => undefined);
    try {
      return await Promise.race([running, over.promise]);
    } catch (error) {
      signal.throwIfAborted();
      const refusal = refusalOf(error);
      if (refusal !== undefined) throw refused(this.#deps.name, this.where, refusal);
      this.close(error);
      throw unreachable(this.#deps.name, this.where, this.#lost.signal.reason ?? error);
    } finally {
      deadline.signal.removeEventListener('abort', onOver);
    }
  }
}

/** The library's classes of error replies end in this one; its connection errors do not. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name } = error.constructor;
  return name === 'SimpleError' || name === 'BlobError' || name === 'ErrorReply'
    ? new Refusal(error.message)
    : undefined;
}

async function passwordOf(login: Login, where: string, deps: ConnectionDeps): Promise<string | undefined> {
  if (login.passwordFile === undefined) return login.password;
  const text = await readOwn(login.passwordFile, 'unauthorised', where, deps);
  return text.replace(/[\r\n]+$/, '');
}

async function tlsOf(tls: NonNullable<RedisOptions['tls']>, where: string, deps: ConnectionDeps) {
  const read = (file: string): Promise<string> => readOwn(file, 'unreachable', where, deps);
  return { tls: true as const, rejectUnauthorized: !tls.insecure, ...(await tlsTexts(tls, read)) };
}

async function readOwn(
  file: string,
  code: 'unauthorised' | 'unreachable',
  where: string,
  { name, baseDir }: ConnectionDeps,
): Promise<string> {
  try {
    return await readFile(resolve(baseDir, file), 'utf8');
  } catch (error) {
    throw new RegistryError(code, `registry ${name}: ${where}: cannot read ${file}`, { cause: error });
  }
}
