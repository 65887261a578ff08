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
      header: header.optional(),
      created: z.boolean().default(false),
      canceled: z.boolean().default(false),
      compact_revision: int64.default('0'),
      cancel_reason: z.string().default(''),
      events: z.array(z.object({ type: z.enum(['PUT', 'DELETE']).default('PUT'), kv: keyValue })).default([]),
    }),
  }),
  z.object({ error: z.looseObject({ message: z.string().default('') }) }),
]);

export type WatchLine = z.output<typeof watchLine>;

const failure = z.looseObject({
  code: z.number().optional(),
  message: z.string().optional(),
  error: z.unknown(),
});

/** gRPC status codes (grpc/status in google.rpc.Code) that the gateway passes on in its error bodies. */
const BY_GRPC: Readonly<Record<number, RegistryErrorCode>> = {
  3: 'unauthorised',
  4: 'unreachable',
  7: 'forbidden',
  8: 'overloaded',
  14: 'unreachable',
  16: 'unauthorised',
};

/** What an answer that is not 200 means. Bodies differ between versions: the HTTP status decides where they say nothing. */
export function failureOf(
  status: number,
  body: string,
): { readonly code: RegistryErrorCode; readonly message: string } {
  if (status === 404)
    return {
      code: 'unsupported',
      message:
        'the JSON gateway is off: set enable-grpc-gateway: true (etcd 3.4 and older with a configuration file)',
    };
  const decoded = failure.safeParse(safeJson(body));
  const grpc = decoded.success ? decoded.data.code : undefined;
  const message = (decoded.success ? decoded.data.message : undefined) ?? `HTTP status ${status}`;
  // Code 3 (invalid argument) is also what a missing token is answered with.
  if (grpc === 3 && !message.includes('user name is empty')) return { code: 'protocol', message };
  if (grpc !== undefined && BY_GRPC[grpc] !== undefined) return { code: BY_GRPC[grpc], message };
  if (status === 401) return { code: 'unauthorised', message };
  if (status === 403) return { code: 'forbidden', message };
  if (status === 429) return { code: 'overloaded', message };
  return { code: status >= 500 ? 'unreachable' : 'protocol', message };
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The end of the range of all keys that begin with the prefix: its last byte plus one (etcd API, key ranges). */
export function prefixEnd(prefix: string): string {
  const bytes = Buffer.from(prefix);
  for (let i = bytes.length - 1; i >= 0; i--) {
    const byte = bytes[i] ?? 0;
    if (byte === 0xff) continue;
    bytes[i] = byte + 1;
    return bytes.subarray(0, i + 1).toString('base64');
  }
  return base64('\0');
}
