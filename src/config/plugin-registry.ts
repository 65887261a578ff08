/** A registry from a user's plugin, held to its contract: whatever it throws or tells, the process goes on. */

import { z } from 'zod';
import {
  RECEIPTS,
  REGISTRY_ERROR_CODES,
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../core/registry.ts';
import type { Snapshot } from '../core/snapshot.ts';

const serviceName = { namespace: z.string().min(1).default('default'), service: z.string().min(1) };

const entry = z.object({
  key: z.string().min(1),
  incarnation: z.string().default(''),
  revision: z.string().default(''),
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  metadata: z.record(z.string(), z.string()).default({}),
  enabled: z.boolean().default(true),
  draining: z.boolean().default(false),
  weight: z.number().exactOptional(),
  mark: z
    .object({
      writer: z.string(),
      version: z.number(),
      health: z.enum(['healthy', 'sub-healthy', 'dead']),
      reason: z.string(),
      since: z.string(),
      original: z.record(z.string(), z.unknown()).default({}),
      intact: z.boolean(),
    })
    .exactOptional(),
});

const snapshot = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('service'),
    ...serviceName,
    entries: z
      .array(entry)
      .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, 'two entries have one key'),
  }),
  z.object({ kind: z.literal('gone'), ...serviceName }),
  z.object({ kind: z.literal('synced'), notices: z.array(z.string()).exactOptional() }),
]);

const receipts = z.array(
  z.object({ instance: z.string(), kind: z.enum(RECEIPTS), detail: z.string().exactOptional() }),
);

const batchSize = z.int().min(1).max(10_000);
const errorCode = z.object({ code: z.enum(REGISTRY_ERROR_CODES) });

export function guardedPlugin(plugin: RegistryPlugin): RegistryPlugin {
  return { ...plugin, create: (options, deps) => guarded(plugin, options, deps) };
}

function guarded(plugin: RegistryPlugin, options: unknown, deps: RegistryDeps): Registry {
  const { name } = deps;
  let inner: Registry;
  try {
    inner = plugin.create(options, deps);
  } catch (error) {
    const failure = asRegistryError(error, name);
    return { batchSize: 1, snapshots: () => failing(failure) };
  }
  return {
    batchSize: batchSize.safeParse(inner.batchSize).data ?? 1,
    snapshots: (signal) => snapshotsOf(inner, name, signal),
    ...(typeof inner.write === 'function' && {
      write: (requests: readonly WriteRequest[], signal: AbortSignal) => write(inner, requests, name, signal),
    }),
  };
}

// biome-ignore lint/correctness/useYield: it fails before it could tell anything
async function* failing(failure: RegistryError): AsyncGenerator<Snapshot> {
  throw failure;
}

async function* snapshotsOf(inner: Registry, name: string, signal: AbortSignal): AsyncGenerator<Snapshot> {
  try {
    for await (const told of inner.snapshots(signal)) yield decode(snapshot, told, name, 'a snapshot');
  } catch (error) {
    signal.throwIfAborted();
    throw asRegistryError(error, name);
  }
}

async function write(
  inner: Registry,
  requests: readonly WriteRequest[],
  name: string,
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  try {
    const answered = decode(receipts, await inner.write?.(requests, signal), name, 'the receipts');
    const ids = new Map(requests.map(({ instance: { id } }) => [String(id), id]));
    return answered.flatMap(({ instance, ...receipt }) => {
      const id = ids.get(instance);
      return id === undefined ? [] : [{ instance: id, ...receipt }];
    });
  } catch (error) {
    signal.throwIfAborted();
    throw asRegistryError(error, name);
  }
}

function decode<T extends z.ZodType>(schema: T, told: unknown, name: string, what: string): z.output<T> {
  const decoded = schema.safeParse(told);
  if (decoded.success) return decoded.data;
  const [issue] = decoded.error.issues;
  const where = issue?.path.map(String).join('.') ?? '';
  throw new RegistryError('protocol', `registry ${name}: ${what}: ${where}: ${issue?.message ?? 'wrong'}`);
}

/** A plugin says what failed by the property `code` of what it throws; anything else is a fault of its own. */
function asRegistryError(error: unknown, name: string): RegistryError {
  if (error instanceof RegistryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = errorCode.safeParse(error).data?.code ?? 'protocol';
  return new RegistryError(code, `registry ${name}: ${message}`, { cause: error });
}
