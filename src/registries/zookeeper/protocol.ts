/** What client and server say to each other, after ZooKeeper's zookeeper.jute, ZooDefs.java and KeeperException.java. */

import type { RegistryErrorCode } from '../../core/registry.ts';
import { JuteError, JuteReader, JuteWriter } from './jute.ts';

export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren2: 12,
  check: 13,
  multi: 14,
  ping: 11,
  auth: 100,
  setWatches: 101,
  closeSession: -11,
} as const;

/** Transaction numbers that are no request's. */
export const XID = { event: -1, ping: -2, auth: -4, setWatches: -8, close: -11 } as const;

export const ERR = {
  ok: 0,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  authFailed: -115,
  saslRequired: -124,
} as const;

/** What an error of the server says of the registry; by KeeperException.Code. */
const MEANINGS: Readonly<Record<number, readonly [code: RegistryErrorCode, text: string]>> = {
  [-4]: ['unreachable', 'connection lost'],
  [-5]: ['protocol', 'marshalling error'],
  [-6]: ['unsupported', 'the server does not know the call'],
  [-7]: ['unreachable', 'operation timeout'],
  [-8]: ['protocol', 'bad arguments'],
  [ERR.noNode]: ['conflict', 'no such node'],
  [ERR.noAuth]: ['forbidden', 'not permitted by the ACL'],
  [ERR.badVersion]: ['conflict', 'the version is another'],
  [ERR.nodeExists]: ['conflict', 'the node exists'],
  [ERR.notEmpty]: ['conflict', 'the node has children'],
  [ERR.sessionExpired]: ['unreachable', 'the session expired'],
  [-113]: ['forbidden', 'the ACL is invalid: creator without credentials?'],
  [ERR.authFailed]: ['unauthorised', 'authentication failed'],
  [-118]: ['unreachable', 'the session moved to another server'],
  [-119]: ['unreachable', 'the server is read-only: it has lost its quorum'],
  [ERR.saslRequired]: ['unauthorised', 'the server wants clients to authenticate'],
  [-125]: ['overloaded', 'the quota is exceeded'],
  [-127]: ['overloaded', 'the server throttles'],
};

export function meaningOf(err: number): readonly [code: RegistryErrorCode, text: string] {
  return MEANINGS[err] ?? ['protocol', `error ${err}`];
}

export interface Stat {
  /** Of the creation. */
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly version: number;
  /** The session that it ends with; 0 for none. */
  readonly ephemeralOwner: bigint;
  /** Of the last change to its children. */
  readonly pzxid: bigint;
}

export function readStat(reader: JuteReader): Stat {
  const czxid = reader.long();
  const mzxid = reader.long();
  reader.long();
  reader.long();
  const version = reader.int();
  reader.int();
  reader.int();
  const ephemeralOwner = reader.long();
  reader.int();
  reader.int();
  return { czxid, mzxid, version, ephemeralOwner, pzxid: reader.long() };
}

/** A session as the server gave it; asked for again when the connection is made anew. */
export interface Ticket {
  readonly id: bigint;
  readonly password: Buffer;
}

export const NO_TICKET: Ticket = { id: 0n, password: Buffer.alloc(16) };

export function connectRequest(ticket: Ticket, lastZxid: bigint, timeout: number): Buffer {
  return (
    new JuteWriter()
      .int(0)
      .long(lastZxid)
      .int(timeout)
      .long(ticket.id)
      .buffer(ticket.password)
      // No read-only server: what it says may be of yesterday.
      .bool(false)
      .frame()
  );
}

export interface Welcome {
  readonly ticket: Ticket;
  /** Milliseconds, as negotiated; not above 0: the session that was asked for has expired. */
  readonly timeout: number;
}

export function readWelcome(frame: Buffer): Welcome {
  const reader = new JuteReader(frame);
  reader.int();
  const timeout = reader.int();
  const id = reader.long();
  return { ticket: { id, password: reader.buffer() }, timeout };
}

export interface ReplyHeader {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
}

export function readReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.int(), zxid: reader.long(), err: reader.int() };
}

type WatchKind = 'created' | 'deleted' | 'data' | 'children' | 'other';

export interface WatchEvent {
  readonly kind: WatchKind;
  readonly path: string;
}

const KINDS: Readonly<Record<number, WatchKind>> = { 1: 'created', 2: 'deleted', 3: 'data', 4: 'children' };

export function readEvent(reader: JuteReader): WatchEvent {
  const kind = KINDS[reader.int()] ?? 'other';
  // The state of the session, which the connection itself tells.
  reader.int();
  return { kind, path: reader.text() };
}

export function request(
  xid: number,
  op: number,
  body: (writer: JuteWriter) => void = () => undefined,
): Buffer {
  const writer = new JuteWriter().int(xid).int(op);
  body(writer);
  return writer.frame();
}

/** Who may do what with a node that is created. */
export type Acl = 'open' | 'creator' | 'creator-read';

const ALL = 31;
const READ = 1;

function writeAcl(writer: JuteWriter, acl: Acl): void {
  const entries: readonly (readonly [perms: number, scheme: string, id: string])[] =
    acl === 'open'
      ? [[ALL, 'world', 'anyone']]
      : [[ALL, 'auth', ''], ...(acl === 'creator' ? [] : [[READ, 'world', 'anyone'] as const])];
  writer.int(entries.length);
  for (const [perms, scheme, id] of entries) writer.int(perms).text(scheme).text(id);
}

/** One step of a transaction. `version` -1 is any. */
export type Change =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data: string;
      readonly acl: Acl;
      readonly ephemeral?: boolean;
    }
  | { readonly kind: 'set'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

const EPHEMERAL = 1;

function opOf(change: Change): number {
  switch (change.kind) {
    case 'create':
      return OP.create;
    case 'set':
      return OP.setData;
    case 'delete':
      return OP.delete;
    case 'check':
      return OP.check;
    default:
      return change satisfies never;
  }
}

export function writeChange(writer: JuteWriter, change: Change): void {
  writer.text(change.path);
  switch (change.kind) {
    case 'create':
      writer.text(change.data);
      writeAcl(writer, change.acl);
      writer.int(change.ephemeral === true ? EPHEMERAL : 0);
      break;
    case 'set':
      writer.text(change.data).int(change.version);
      break;
    case 'delete':
    case 'check':
      writer.int(change.version);
      break;
    default:
      change satisfies never;
  }
}

export function writeMulti(writer: JuteWriter, changes: readonly Change[]): void {
  for (const change of changes) {
    writer.int(opOf(change)).bool(false).int(-1);
    writeChange(writer, change);
  }
  writer.int(-1).bool(true).int(-1);
}

/** The error of each step, 0 where it was done; of a transaction that failed none was. */
export function readMulti(reader: JuteReader): readonly number[] {
  const errors: number[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return errors;
    if (type === -1) errors.push(reader.int());
    else {
      skipResult(reader, type);
      errors.push(ERR.ok);
    }
  }
}

function skipResult(reader: JuteReader, type: number): void {
  if (type === OP.create) reader.text();
  else if (type === OP.setData) readStat(reader);
  else if (type !== OP.delete && type !== OP.check)
    throw new JuteError(`a result of the unknown type ${type}`);
}
