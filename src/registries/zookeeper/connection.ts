/** One connection to one server: the handshake, whole frames in and out, and an end that is told once. */

import { readFile } from 'node:fs/promises';
import { connect, isIP, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { RegistryError } from '../../core/registry.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { tlsTexts } from '../shared/tls.ts';
import { Frames } from './jute.ts';
import type { Address, ZookeeperOptions } from './options.ts';

export interface ConnectionDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly baseDir: string;
}

/** A listing of a hundred thousand instances has some 50 MB; more is no answer of a ZooKeeper. */
const LARGEST_FRAME = 64 * 1_024 * 1_024;

export class Connection {
  /** `host:port`. */
  readonly where: string;
  readonly #socket: Socket;
  readonly #deps: ConnectionDeps;
  readonly #frames = new Frames(LARGEST_FRAME);
  readonly #lost = Promise.withResolvers<RegistryError>();
  #onFrame: (frame: Buffer) => void;

  private constructor(where: string, socket: Socket, deps: ConnectionDeps, onFrame: (frame: Buffer) => void) {
    this.where = where;
    this.#socket = socket;
    this.#deps = deps;
    this.#onFrame = onFrame;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.lose(error.message, error));
    socket.on('close', () => this.lose('the server closed the connection'));
  }

  /** Connects, says hello and returns the first frame of the answer. Throws `RegistryError`, and `signal.reason`. */
  static async open(
    address: Address,
    options: Pick<ZookeeperOptions, 'tls' | 'timeout'>,
    deps: ConnectionDeps,
    hello: Buffer,
    signal: AbortSignal,
  ): Promise<{ readonly connection: Connection; readonly welcome: Buffer }> {
    signal.throwIfAborted();
    const where = formatHostPort(address.host, address.port);
    const secure = options.tls === undefined ? undefined : await tlsOf(address, options.tls, where, deps);
    using deadline = deps.clock.deadline(options.timeout, signal);
    const answered = Promise.withResolvers<Buffer>();
    const socket = secure === undefined ? connect({ ...address }) : startTls(secure, where, deps.name);
    const connection = new Connection(where, socket, deps, answered.resolve);
    const onOver = (): void => connection.lose(`no answer within ${options.timeout} ms`);
    deadline.signal.addEventListener('abort', onOver, { once: true });
    socket.once(secure === undefined ? 'connect' : 'secureConnect', () => socket.write(hello));
    const lost = connection.lost.then((error) => Promise.reject(error));
    try {
      return { connection, welcome: await Promise.race([answered.promise, lost]) };
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      deadline.signal.removeEventListener('abort', onOver);
      // Nobody else waits for it where the answer came first.
      lost.catch(() => undefined);
    }
  }

  /** Fulfilled once it is lost or closed. */
  get lost(): Promise<RegistryError> {
    return this.#lost.promise;
  }

  listen(onFrame: (frame: Buffer) => void): void {
    this.#onFrame = onFrame;
  }

  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  /** Says what was still to be said, and is gone. */
  close(last?: Buffer): void {
    if (last !== undefined && this.#socket.writable) {
      this.#onFrame = () => undefined;
      this.#socket.write(last);
      this.#socket.destroySoon();
    } else this.#socket.destroy();
    this.lose('closed');
  }

  lose(why: string, cause?: unknown): void {
    const said = `registry ${this.#deps.name}: ${this.where}: ${why}`;
    this.#lost.resolve(new RegistryError('unreachable', said, { cause }));
    if (why !== 'closed') this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.take(chunk)) this.#onFrame(frame);
    } catch (error) {
      // What cannot be read leaves the connection out of step; an error of our own must not be lost with it.
      if (!(error instanceof Error && error.name === 'JuteError')) throw error;
      const said = `registry ${this.#deps.name}: ${this.where}: an answer that ZooKeeper does not give: ${error.message}`;
      this.#lost.resolve(new RegistryError('protocol', said, { cause: error }));
      this.#socket.destroy();
    }
  }
}

/** What is no certificate or key is noticed here. */
function startTls(options: ConnectionOptions, where: string, name: string): Socket {
  try {
    return connectTls(options);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new RegistryError('unreachable', `registry ${name}: ${where}: TLS options: ${what}`, {
      cause: error,
    });
  }
}

async function tlsOf(
  { host, port }: Address,
  tls: NonNullable<ZookeeperOptions['tls']>,
  where: string,
  { name, baseDir }: ConnectionDeps,
): Promise<ConnectionOptions> {
  const read = async (file: string): Promise<string> => {
    try {
      return await readFile(resolve(baseDir, file), 'utf8');
    } catch (error) {
      throw new RegistryError('unreachable', `registry ${name}: ${where}: cannot read ${file}`, {
        cause: error,
      });
    }
  };
  return {
    host,
    port,
    rejectUnauthorized: !tls.insecure,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(await tlsTexts(tls, read)),
  };
}
