/** What sonde asks of etcd: listings, comparisons with writes, and a watch, through its JSON gateway. */

import type { z } from 'zod';
import { RegistryError, type RegistryErrorCode } from '../../core/registry.ts';
import { type ConnectionDeps, Connections } from './connections.ts';
import type { EtcdOptions } from './options.ts';
import { Session } from './session.ts';
import {
  base64,
  cancellationOf,
  codeOf,
  decodeText,
  type KeyValue,
  prefixEnd,
  rangeResponse,
  txnResponse,
  watchLine,
} from './wire.ts';

/** Keys asked for at once. */
const PAGE = 1_000;

export interface Listing {
  readonly kvs: readonly KeyValue[];
  /** At which all of them were read. */
  readonly revision: string;
}

/** What stands below a prefix, in short. */
export interface Glance {
  readonly keys: number;
  /** Some key was changed after the revision that was asked about. */
  readonly newer: boolean;
}

export interface Change {
  readonly deleted: boolean;
  /** Without a value where deleted. */
  readonly kv: KeyValue;
}

/** The watch cannot go on from its revision: a listing must come first. */
export const COMPACTED = 'compacted';

export class EtcdApi {
  readonly #deps: ConnectionDeps;
  readonly #connections: Connections;
  readonly #session: Session;

  constructor(options: EtcdOptions, deps: ConnectionDeps) {
    this.#deps = deps;
    this.#connections = new Connections(options, deps);
    this.#session = new Session(options, deps, this.#connections);
  }

  /** All keys below the prefix, page by page at one revision: that one, or the present. */
  async list(prefix: string, at: string | undefined, signal: AbortSignal): Promise<Listing> {
    const kvs: KeyValue[] = [];
    let revision = at;
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
      for (const kv of page.kvs) kvs.push(kv);
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { kvs, revision };
      // The next key in byte order.
      from = Buffer.concat([Buffer.from(last.rawKey, 'base64'), Buffer.of(0)]).toString('base64');
    }
  }

  /** How many keys there are below the prefix and whether one is newer than that revision; also a sign of life. */
  async glance(prefix: string, revision: bigint, signal: AbortSignal): Promise<Glance> {
    const request = {
      key: base64(prefix),
      range_end: prefixEnd(prefix),
      keys_only: true,
      limit: 1,
      min_mod_revision: String(revision + 1n),
    };
    // The count knows nothing of the limits (tried on 3.4.23).
    const { count, kvs } = await this.#call('/v3/kv/range', request, rangeResponse, signal);
    return { keys: Number(count), newer: kvs.length > 0 };
  }

  async get(key: string, signal: AbortSignal): Promise<KeyValue | undefined> {
    return (await this.#call('/v3/kv/range', { key: base64(key) }, rangeResponse, signal)).kvs[0];
  }

  /** Carries out the operation if all comparisons hold; tells whether they did. */
  async txn(compare: readonly Compare[], operation: Operation, signal: AbortSignal): Promise<boolean> {
    const request = { compare, success: [operation] };
    return (await this.#call('/v3/kv/txn', request, txnResponse, signal)).succeeded;
  }

  /**
   * Changes below the prefix from that revision on, together as they arrived; ends after `COMPACTED`. A cancelled watch
   * leaves its stream open and silent, so its last line must be read.
   */
  async *watch(
    prefix: string,
    from: bigint,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Change[] | typeof COMPACTED> {
    const path = '/v3/watch';
    const create = { key: base64(prefix), range_end: prefixEnd(prefix), start_revision: String(from) };
    const body = JSON.stringify({ create_request: create });
    for (let login = 0; ; login++) {
      const token = await this.#session.token(signal);
      let refused: RegistryError | undefined;
      for await (const text of this.#connections.lines({ path, body, token }, signal)) {
        const line = this.#decode(path, watchLine, text);
        if ('error' in line)
          refused = this.#error(codeOf(line.error.grpc_code, line.error.message), path, line.error.message);
        else if (line.result.compact_revision !== '0') {
          yield COMPACTED;
          return;
        } else if (line.result.canceled) {
          const { code, message } = cancellationOf(line.result.cancel_reason);
          refused = this.#error(code, path, message);
        } else if (line.result.events.length > 0) {
          yield line.result.events.map(({ type, kv }) => ({ deleted: type === 'DELETE', kv }));
        }
        if (refused !== undefined) break;
      }
      if (refused === undefined) return;
      // The token may have expired since it was made; a new one is tried once.
      if (refused.code !== 'unauthorised' || token === undefined || login > 0) throw refused;
      await this.#session.forget(token);
    }
  }

  async #call<T extends z.ZodType>(
    path: string,
    request: object,
    schema: T,
    signal: AbortSignal,
  ): Promise<z.output<T>> {
    const body = JSON.stringify(request);
    const token = await this.#session.token(signal);
    try {
      return this.#decode(path, schema, await this.#connections.ask({ path, body, token }, signal));
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'unauthorised' || token === undefined)
        throw error;
    }
    await this.#session.forget(token);
    const renewed = await this.#session.token(signal);
    return this.#decode(path, schema, await this.#connections.ask({ path, body, token: renewed }, signal));
  }

  #decode<T extends z.ZodType>(path: string, schema: T, text: string): z.output<T> {
    const decoded = decodeText(schema, text);
    if (decoded === undefined) throw this.#error('protocol', path, 'an answer that etcd does not give');
    return decoded;
  }

  #error(code: RegistryErrorCode, path: string, message: string): RegistryError {
    return new RegistryError(code, `registry ${this.#deps.name}: ${path}: ${message}`);
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
      readonly request_put: {
        readonly key: string;
        readonly value: string;
        readonly ignore_lease?: boolean;
        readonly lease?: string;
      };
    }
  | { readonly request_delete_range: { readonly key: string } };

/** The key is as it was read; revision 0: there is none. */
export function unchangedSince(key: string, modRevision: string): Compare {
  return { key: base64(key), target: 'MOD', result: 'EQUAL', mod_revision: modRevision };
}

/** The key was not deleted and made again since; revision 0: there is none. */
export function sameLife(key: string, createRevision: string): Compare {
  return { key: base64(key), target: 'CREATE', result: 'EQUAL', create_revision: createRevision };
}

/** Another value under the lease that the key has, if it has one. */
export function replaceValue(key: string, value: string): Operation {
  return { request_put: { key: base64(key), value: base64(value), ignore_lease: true } };
}

/** `lease` 0 is none. */
export function putUnder(lease: string, key: string, value: string): Operation {
  return { request_put: { key: base64(key), value: base64(value), lease } };
}

export function remove(key: string): Operation {
  return { request_delete_range: { key: base64(key) } };
}
