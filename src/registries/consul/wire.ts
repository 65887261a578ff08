/** Consul's HTTP API on the wire: what it says, decoded. */

import { z } from 'zod';
import type { RegistryErrorCode } from '../../core/registry.ts';

const text = z
  .string()
  .nullish()
  .transform((given) => given ?? '');
const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((given) => given ?? {});
const index = z.number().int().min(0).default(0);

/** Beside what is read here it keeps whatever Consul says of it, to be written back as it was. */
const check = z.looseObject({
  Node: z.string(),
  CheckID: z.string(),
  Name: text,
  Status: z.string(),
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  Definition: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((given) => given ?? {}),
  ModifyIndex: index,
});

export type Check = z.output<typeof check>;

const node = z.object({ Node: z.string(), Address: text, Datacenter: text, Meta: texts });

const serviceInstance = z.object({
  Node: node,
  Service: z.object({
    ID: z.string(),
    Service: z.string(),
    Address: text,
    Port: z
      .number()
      .nullish()
      .transform((given) => given ?? 0),
    Meta: texts,
    Tags: z
      .array(z.string())
      .nullish()
      .transform((given) => given ?? []),
    Weights: z.object({ Passing: z.number().default(1) }).nullish(),
    CreateIndex: index,
    ModifyIndex: index,
  }),
  Checks: z
    .array(check)
    .nullish()
    .transform((given) => given ?? []),
});

/** One instance of a service with its node and the checks of both. */
export type Found = z.output<typeof serviceInstance>;

export const healthAnswer = z.array(serviceInstance);

export const checksAnswer = z.array(check);

export const nodesAnswer = z.array(node.extend({ CreateIndex: index, ModifyIndex: index }));

/** Names of services, with their tags. */
export const servicesAnswer = z.record(z.string(), z.unknown());

export const leaderAnswer = z.string();

export const selfAnswer = z.object({ Config: z.object({ NodeName: z.string() }) });

export const agentChecksAnswer = z.record(z.string(), check);

export const failedTxn = z.object({
  Errors: z.array(z.object({ OpIndex: z.number().int(), What: z.string() })).min(1),
});

/** One operation on a check within a transaction. `ModifyIndex` 0: there must be none. */
export interface CheckOperation {
  readonly Verb: 'cas' | 'delete-cas';
  readonly Check: Readonly<Record<string, unknown>> & {
    readonly Node: string;
    readonly CheckID: string;
    readonly ModifyIndex: number;
  };
}

export interface Failure {
  readonly code: RegistryErrorCode;
  readonly message: string;
}

/** What an answer that is not 200 means; Consul says why in plain text (agent/http.go). */
export function failureOf(status: number, body: string): Failure {
  const message = body.trim().slice(0, 300) || `HTTP status ${status}`;
  if (status === 401) return { code: 'unauthorised', message };
  // A token that is unknown, deleted or expired is answered as one without permission.
  if (status === 403) return { code: /ACL not found/.test(message) ? 'unauthorised' : 'forbidden', message };
  if (status === 429) return { code: 'overloaded', message };
  if (status === 400 && /Enterprise feature/.test(message)) return { code: 'unsupported', message };
  return { code: status >= 500 ? 'unreachable' : 'protocol', message };
}

/** Undefined where the text is not what it should be. */
export function decodeText<T extends z.ZodType>(schema: T, body: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
