/**
 * A session with the ensemble: it survives lost connections by going to the next server with its watches, notices a
 * server that has gone silent, and ends for good when it expired or nobody could be reached for too long.
 */

import { randomInt } from 'node:crypto';
import { RegistryError } from '../../core/registry.ts';
import { Connection, type ConnectionDeps } from './connection.ts';
import { JuteReader } from './jute.ts';
import type { ZookeeperOptions } from './options.ts';
import {
  type Acl,
  type Change,
  connectRequest,
  ERR,
  meaningOf,
  NO_TICKET,
  OP,
  readEvent,
  readMulti,
  readReplyHeader,
  readStat,
  readWelcome,
  request,
  type Stat,
  type Ticket,
  type WatchEvent,
  writeChange,
  writeMulti,
  XID,
} from './protocol.ts';
import { Requests } from './requests.ts';
import { Watches, type WatchSet } from './watches.ts';

type SessionOptions = Pick<ZookeeperOptions, 'servers' | 'tls' | 'timeout' | 'sessionTimeout'> & {
  /** As `user:password`; undefined without credentials. */
  readonly credentials: string | undefined;
  /** It is given up when no server has answered for this long, milliseconds: to take it back alone is no answer. */
  readonly patience: number;
};

/** A server is asked for a sign of life this often, milliseconds, and more often where the session is short. */
const PING = 2_000;
/** Between two rounds over all servers. */
const PAUSE = 250;

export class Session {
  readonly #options: SessionOptions;
  readonly #deps: ConnectionDeps;
  readonly #onEvent: (event: WatchEvent) => void;
  readonly #closing = new AbortController();
  readonly #watches = new Watches();
  #connection: Connection | undefined;
  #ticket: Ticket = NO_TICKET;
  #timeout: number;
  #lastZxid = 0n;
  #server: number;
  readonly #requests = new Requests();
  /** Answers to be heard that are no request's. */
  #owed = 0;
  #heard = 0;
  /** When something was last answered. */
  #answered: number;
  #failure: { readonly error: unknown } | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(options: SessionOptions, deps: ConnectionDeps, onEvent: (event: WatchEvent) => void) {
    this.#options = options;
    this.#deps = deps;
    this.#onEvent = onEvent;
    this.#timeout = options.sessionTimeout;
    this.#answered = deps.clock.now();
    // So that many sondes do not all go to the first.
    this.#server = randomInt(options.servers.length);
  }

  /** Every server is tried once. Throws `RegistryError`, and `signal.reason`. */
  static async open(
    options: SessionOptions,
    deps: ConnectionDeps,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<Session> {
    const session = new Session(options, deps, onEvent);
    const connection = await session.#round(signal);
    session.#ended = session.#run(connection);
    return session;
  }

  /** Undefined while it lives. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Aborted once it does not, with the reason. */
  get ended(): AbortSignal {
    return this.#closing.signal;
  }

  /** Whatever waits fails with the reason; the server is told, so that the session does not linger there. */
  async close(reason: unknown): Promise<void> {
    this.#end(reason);
    await this.#ended;
  }

  getChildren(
    path: string,
    watch: boolean,
  ): Promise<{ readonly names: readonly string[]; readonly stat: Stat } | undefined> {
    return this.#read(OP.getChildren2, path, watch ? 'children' : undefined, (reader) => ({
      names: reader.texts(),
      stat: readStat(reader),
    }));
  }

  getData(path: string, watch: boolean): Promise<{ readonly data: string; readonly stat: Stat } | undefined> {
    return this.#read(OP.getData, path, watch ? 'data' : undefined, (reader) => ({
      data: reader.text(),
      stat: readStat(reader),
    }));
  }

  /** With a watch it tells of the creation of what is not there. */
  exists(path: string, watch: boolean): Promise<Stat | undefined> {
    return this.#read(OP.exists, path, watch ? 'exists' : undefined, readStat);
  }

  /** False where it exists already. */
  create(path: string, data: string, acl: Acl, ephemeral = false): Promise<boolean> {
    const change = { kind: 'create', path, data, acl, ephemeral } as const;
    return this.#ask(
      path,
      (xid) => request(xid, OP.create, (writer) => writeChange(writer, change)),
      (_, err) => {
        if (err === ERR.nodeExists) return false;
        return err === ERR.ok ? true : undefined;
      },
      false,
    );
  }

  /** All of it or nothing: undefined where it was done, else the error of each step. */
  async transact(changes: readonly Change[]): Promise<readonly number[] | undefined> {
    const errors = await this.#ask(
      changes[0]?.path ?? '',
      (xid) => request(xid, OP.multi, (writer) => writeMulti(writer, changes)),
      (reader, err) => (reader.left > 0 ? readMulti(reader) : err === ERR.ok ? [] : undefined),
      false,
    );
    return errors.every((err) => err === ERR.ok) ? undefined : errors;
  }

  #read<T>(
    op: number,
    path: string,
    watch: WatchSet | undefined,
    decode: (reader: JuteReader) => T,
  ): Promise<T | undefined> {
    const frame = (xid: number): Buffer =>
      request(xid, op, (writer) => writer.text(path).bool(watch !== undefined));
    const answer = this.#ask(
      path,
      frame,
      (reader, err) => {
        if (err !== ERR.ok && err !== ERR.noNode) return undefined;
        const there = err === ERR.ok;
        // A watch for the existence of what exists is one for its data; what is not there has no other watch.
        if (watch === 'exists') this.#watches.add(there ? 'data' : 'exists', path);
        else if (watch !== undefined && there) this.#watches.add(watch, path);
        return { value: there ? decode(reader) : undefined };
      },
      true,
    );
    return answer.then(({ value }) => value);
  }

  /** `decode` returns undefined for an error that is one. */
  #ask<T>(
    path: string,
    frame: (xid: number) => Buffer,
    decode: (reader: JuteReader, err: number) => T | undefined,
    repeatable: boolean,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure.error);
        return;
      }
      const take = (reader: JuteReader, err: number): void => {
        const answer = decode(reader, err);
        if (answer !== undefined) resolve(answer);
        else reject(this.#refusal(err, path));
      };
      this.#requests.add({ frame, take, fail: reject, repeatable });
      this.#flush();
    });
  }

  #flush(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#owe(0);
    for (const frame of this.#requests.send()) connection.send(frame);
  }

  /** Silence begins when something is owed. */
  #owe(answers: number): void {
    if (this.#requests.owed + this.#owed === 0) this.#heard = this.#deps.clock.now();
    this.#owed += answers;
  }

  /** Serves one connection after the other until the session ends; never rejects. */
  async #run(first: Connection): Promise<void> {
    try {
      let connection = first;
      for (;;) {
        this.#serve(connection);
        const over = new AbortController();
        const watching = this.#watch(connection, over.signal);
        const lost = await connection.lost;
        over.abort(lost);
        await watching;
        this.#connection = undefined;
        this.#closing.signal.throwIfAborted();
        if (lost.code === 'protocol') throw lost;
        this.#requests.interrupt(lost);
        connection = await this.#again(lost);
      }
    } catch (error) {
      this.#end(error);
    }
  }

  #serve(connection: Connection): void {
    if (this.#failure !== undefined) {
      connection.close();
      return;
    }
    connection.listen((frame) => this.#take(frame));
    this.#owed = 0;
    const { credentials } = this.#options;
    const said = this.#watches.requests(this.#lastZxid);
    this.#owe(said.length + (credentials === undefined ? 0 : 1));
    if (credentials !== undefined)
      connection.send(
        request(XID.auth, OP.auth, (writer) => writer.int(0).text('digest').buffer(Buffer.from(credentials))),
      );
    for (const frame of said) connection.send(frame);
    this.#connection = connection;
    this.#flush();
  }

  /** Asks for signs of life, and loses a connection on which nothing is heard although something is owed. */
  async #watch(connection: Connection, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const { timeout } = this.#options;
    const every = Math.min(PING, this.#timeout / 3, timeout / 2);
    try {
      for (;;) {
        await clock.sleep(every, signal);
        if (this.#silentFor() > timeout) {
          // After a stall of our own the answer may lie unread.
          await clock.sleep(0, signal);
          await clock.sleep(0, signal);
          if (this.#silentFor() > timeout) connection.lose(`nothing was heard for ${timeout} ms`);
        }
        if (this.#owed === 0) {
          this.#owe(1);
          connection.send(request(XID.ping, OP.ping));
        }
      }
    } catch {
      // The connection is gone.
    }
  }

  #silentFor(): number {
    return this.#requests.owed + this.#owed === 0 ? 0 : this.#deps.clock.now() - this.#heard;
  }

  #take(frame: Buffer): void {
    const reader = new JuteReader(frame);
    const { xid, zxid, err } = readReplyHeader(reader);
    this.#heard = this.#deps.clock.now();
    this.#answered = this.#heard;
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    if (xid === XID.event) {
      const event = readEvent(reader);
      this.#watches.spend(event);
      this.#onEvent(event);
      return;
    }
    if (xid === XID.ping || xid === XID.auth || xid === XID.setWatches) {
      this.#owed--;
      if (err !== ERR.ok) this.#end(this.#refusal(err, xid === XID.auth ? 'authentication' : 'session'));
      return;
    }
    // The session is over for all of them.
    if (err === ERR.sessionExpired || err === ERR.saslRequired) this.#end(this.#refusal(err, 'session'));
    else if (this.#requests.answer(xid, reader, err)) this.#flush();
    else this.#end(new RegistryError('protocol', `${this.#said()}: an answer that was not asked for`));
  }

  /** The next connection for the same session, after that failure. */
  async #again(lost: RegistryError): Promise<Connection> {
    const { clock } = this.#deps;
    let failure = lost;
    while (clock.now() - this.#answered <= this.#options.patience) {
      try {
        return await this.#round(this.#closing.signal);
      } catch (error) {
        this.#closing.signal.throwIfAborted();
        if (!(error instanceof RegistryError) || error.code !== 'unreachable' || error instanceof Expired)
          throw error;
        failure = error;
      }
      await clock.sleep(PAUSE, this.#closing.signal);
    }
    throw failure;
  }

  /** Each server once, from the one after the last; throws the last failure. */
  async #round(signal: AbortSignal): Promise<Connection> {
    const { servers, sessionTimeout } = this.#options;
    let failure = new RegistryError('unreachable', `${this.#said()}: no servers`);
    for (let tried = 0; tried < servers.length; tried++) {
      const address = servers[this.#server++ % servers.length];
      if (address === undefined) continue;
      try {
        const hello = connectRequest(this.#ticket, this.#lastZxid, sessionTimeout);
        const { connection, welcome } = await Connection.open(
          address,
          this.#options,
          this.#deps,
          hello,
          signal,
        );
        return this.#welcome(connection, welcome);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Expired || !(error instanceof RegistryError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #welcome(connection: Connection, frame: Buffer): Connection {
    const said = `${this.#said()}: ${connection.where}`;
    const welcome = decodeWelcome(frame);
    if (welcome !== undefined && welcome.timeout > 0) {
      this.#ticket = welcome.ticket;
      this.#timeout = welcome.timeout;
      return connection;
    }
    connection.close();
    if (welcome !== undefined) throw new Expired('unreachable', `${said}: the session expired`);
    throw new RegistryError('protocol', `${said}: an answer that is no ZooKeeper's`);
  }

  #end(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#closing.abort(error);
    this.#requests.failAll(error);
    this.#connection?.close(request(XID.close, OP.closeSession));
    this.onEnd?.(error);
  }

  /** Called once when it has ended. */
  onEnd: ((error: unknown) => void) | undefined;

  #refusal(err: number, what: string): RegistryError {
    const [code, text] = meaningOf(err);
    return new RegistryError(code, `${this.#said()}: ${what}: ${text}`);
  }

  #said(): string {
    return `registry ${this.#deps.name}`;
  }
}

class Expired extends RegistryError {}

function decodeWelcome(frame: Buffer): ReturnType<typeof readWelcome> | undefined {
  try {
    return readWelcome(frame);
  } catch {
    return undefined;
  }
}
