/** Writes one mark into etcd by compare-and-swap, so that what a provider wrote meanwhile is never lost. */

import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { decide, readMark } from '../shared/mark.ts';
import { type EtcdApi, put, remove, sameLife, unchangedSince } from './api.ts';
import type { EtcdOptions } from './options.ts';
import { formatStatusValue, keyOf, parseValue, readStatus } from './record.ts';
import type { KeyValue } from './wire.ts';

/** Tries against a provider that keeps changing its key. */
const TRIES = 5;

export async function writeMark(
  request: WriteRequest,
  options: EtcdOptions,
  api: EtcdApi,
  signal: AbortSignal,
): Promise<Receipt> {
  const { instance } = request;
  const place = { namespace: instance.namespace, service: instance.service, id: instance.key };
  const key = keyOf(options.prefix, place);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const kv = await api.get(key, signal);
    if (kv === undefined || kv.createRevision !== instance.incarnation)
      return { instance: instance.id, kind: 'gone' };
    const receipt =
      options.statusPrefix === undefined
        ? await intoValue(request, key, kv, options, api, signal)
        : await intoStatus(request, keyOf(options.statusPrefix, place), kv, options, api, signal);
    if (receipt !== undefined) return receipt;
  }
  return {
    instance: instance.id,
    kind: 'refused',
    detail: `the key changed ${TRIES} times while it was written`,
  };
}

/** Undefined when the race was lost. */
async function intoValue(
  request: WriteRequest,
  key: string,
  kv: KeyValue,
  options: EtcdOptions,
  api: EtcdApi,
  signal: AbortSignal,
): Promise<Receipt | undefined> {
  const id = request.instance.id;
  const value = parseValue(kv.value);
  if (value === undefined) return { instance: id, kind: 'refused', detail: 'the value is not a JSON object' };
  const weight = typeof value.weight === 'number' ? value.weight : undefined;
  const decision = decide(request, { weight, mark: readMark(value.sonde, weight) }, options.weight);
  if (decision.kind === 'receipt') return decision.receipt;
  const { sonde: _, ...rest } = value;
  const next = {
    ...rest,
    ...(decision.weight === undefined ? {} : { weight: decision.weight }),
    ...(decision.mark === undefined ? {} : { sonde: decision.mark }),
  };
  // The lease stays the provider's: when it stops renewing, the key goes, mark and all.
  const stored = await api.txn(
    [unchangedSince(key, kv.modRevision)],
    [put(key, JSON.stringify(next), true)],
    signal,
  );
  return stored ? { instance: id, kind: 'written' } : undefined;
}

/** The provider's key is only compared: it must still be the same life. */
async function intoStatus(
  request: WriteRequest,
  statusKey: string,
  kv: KeyValue,
  options: EtcdOptions,
  api: EtcdApi,
  signal: AbortSignal,
): Promise<Receipt | undefined> {
  const id = request.instance.id;
  const status = await api.get(statusKey, signal);
  const mark = status === undefined ? undefined : readStatus(status, kv);
  const decision = decide(request, { weight: undefined, mark }, undefined);
  if (decision.kind === 'receipt') return decision.receipt;
  const key = keyOf(options.prefix, { ...request.instance, id: request.instance.key });
  const operation =
    decision.mark === undefined
      ? remove(statusKey)
      : put(statusKey, formatStatusValue(decision.mark, kv.createRevision), false);
  const asRead = [sameLife(key, kv.createRevision), unchangedSince(statusKey, status?.modRevision ?? '0')];
  return (await api.txn(asRead, [operation], signal)) ? { instance: id, kind: 'written' } : undefined;
}
