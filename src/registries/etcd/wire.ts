/** The JSON gateway of etcd v3 on the wire: what it says, decoded; bytes are base64, 64-bit numbers are text. */

import { z } from 'zod';
import type { RegistryErrorCode } from '../../core/registry.ts';

const int64 = z.union([z.string(), z.number()]).transform(String);

const keyValue = z
  .object({
    key: z.string(),
    value: z.string().default(''),
    create_revision: int64.default('0'),
    mod_revision: int64.default('0'),
    lease: int64.default('0'),
  })
  .transform((kv) => ({
    /** In base64 as it came: the key of somebody else's record need not be UTF-8. */
    rawKey: kv.key,
    key: Buffer.from(kv.key, 'base64').toString('utf8'),
    value: Buffer.from(kv.value, 'base64').toString('utf8'),
    createRevision: kv.create_revision,
    modRevision: kv.mod_revision,
    lease: kv.lease,
  }));

export type KeyValue = z.output<typeof keyValue>;

const header = z.object({ revision: int64.default('0') });

export const rangeResponse = z.object({
  header,
  kvs: z.array(keyValue).default([]),
  more: z.boolean().default(false),
  count: int64.default('0'),
});

export const txnResponse = z.object({ header, succeeded: z.boolean().default(false) });

export const authResponse = z.object({ token: z.string() });

/** One line of the stream; `result` or, when the gateway fails, `error`. */
export const watchLine = z.union([
  z.object({
    result: z.object({
      canceled: z.boolean().default(false),
      compact_revision: int64.default('0'),
      cancel_reason: z.string().default(''),
      events: z.array(z.object({ type: z.enum(['PUT', 'DELETE']).default('PUT'), kv: keyValue })).default([]),
    }),
  }),
  z.object({
    error: z.looseObject({ grpc_code: z.number().default(14), message: z.string().default('no message') }),
  }),
]);

const failure = z.looseObject({ code: z.number().optional(), message: z.string().optional() });

/** gRPC status codes (google.rpc.Code) that the gateway passes on in its error bodies. */
const BY_GRPC: Readonly<Record<number, RegistryErrorCode>> = {
  3: 'protocol',
  4: 'unreachable',
  // A lease that is gone.
  5: 'conflict',
  7: 'forbidden',
  8: 'overloaded',
  // A revision that was compacted.
  11: 'conflict',
  14: 'unreachable',
  16: 'unauthorised',
};

/** gRPC code names as they stand in the reason of a cancelled watch. */
const GRPC_NAMES: Readonly<Record<string, number>> = {
  InvalidArgument: 3,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  Unauthenticated: 16,
};

/** etcd answers these with "invalid argument": a missing token, a wrong password, a token older than the users. */
const LOGIN_NEEDED = /user name is empty|authentication failed|revision of auth store is old/;

export interface Failure {
  readonly code: RegistryErrorCode;
  readonly message: string;
}

/** What an answer that is not 200 means. Bodies differ between versions: the HTTP status decides where they say nothing. */
export function failureOf(status: number, body: string): Failure {
  const said = decodeText(failure, body);
  const message = said?.message ?? `HTTP status ${status}`;
  if (said?.code !== undefined) return { code: codeOf(said.code, message), message };
  if (status === 404)
    return {
      code: 'unsupported',
      message:
        'the JSON gateway is off: set enable-grpc-gateway: true (etcd 3.4 and older with a configuration file)',
    };
  if (status === 401) return { code: 'unauthorised', message };
  if (status === 403) return { code: 'forbidden', message };
  if (status === 429) return { code: 'overloaded', message };
  return { code: status >= 500 ? 'unreachable' : 'protocol', message };
}

/** Why a watch was cancelled: `rpc error: code = PermissionDenied desc = etcdserver: permission denied`. */
export function cancellationOf(reason: string): Failure {
  const name = /code = (\w+)/.exec(reason)?.[1] ?? '';
  return { code: codeOf(GRPC_NAMES[name] ?? 14, reason), message: `the watch was cancelled: ${reason}` };
}

export function codeOf(grpc: number, message: string): RegistryErrorCode {
  return LOGIN_NEEDED.test(message) ? 'unauthorised' : (BY_GRPC[grpc] ?? 'protocol');
}

/** Undefined where the text is not what it should be. */
export function decodeText<T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The end of the range of all keys that begin with the prefix: its last byte plus one; UTF-8 has no byte 0xff. */
export function prefixEnd(prefix: string): string {
  const bytes = Buffer.from(prefix);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) + 1;
  return bytes.toString('base64');
}
