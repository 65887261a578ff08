/** Writes one mark into etcd by compare-and-swap, so that what a provider wrote meanwhile is never lost. */

import { type Receipt, RegistryError, type WriteRequest } from '../../core/registry.ts';
import { decide, weightBefore } from '../shared/mark.ts';
import {
  type Compare,
  type EtcdApi,
  type Operation,
  putUnder,
  remove,
  replaceValue,
  sameLife,
  unchangedSince,
} from './api.ts';
import type { EtcdOptions } from './options.ts';
import { formatStatusValue, keyOf, readStatus, standingIn, withMark } from './record.ts';
import type { KeyValue } from './wire.ts';

/** Tries against a provider that keeps changing its key. */
const TRIES = 5;

/** What to do about a key as it was read, or the receipt where nothing is to be done. */
type Step =
  | { readonly receipt: Receipt['kind']; readonly detail?: string }
  | { readonly compare: readonly Compare[]; readonly operation: Operation };

export async function writeMark(
  request: WriteRequest,
  options: EtcdOptions,
  api: EtcdApi,
  signal: AbortSignal,
): Promise<Receipt> {
  const { id, namespace, service, key: own, incarnation } = request.instance;
  const place = { namespace, service, id: own };
  const { prefix, statusPrefix } = options;
  const key = keyOf(prefix, place);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const kv = await api.get(key, signal);
    if (kv === undefined || kv.createRevision !== incarnation) return { instance: id, kind: 'gone' };
    const statusKey = statusPrefix === undefined ? undefined : keyOf(statusPrefix, place);
    const step =
      statusKey === undefined
        ? intoValue(request, kv, options)
        : intoStatus(request, kv, statusKey, await api.get(statusKey, signal));
    if ('receipt' in step) {
      const detail = step.detail === undefined ? {} : { detail: step.detail };
      return { instance: id, kind: step.receipt, ...detail };
    }
    if (await stored(step.compare, step.operation, api, signal)) return { instance: id, kind: 'written' };
  }
  const detail = `the key changed ${TRIES} times while it was being written`;
  return { instance: id, kind: 'refused', detail };
}

/** False when the race was lost: something changed, or the lease ended. */
async function stored(
  compare: readonly Compare[],
  operation: Operation,
  api: EtcdApi,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await api.txn(compare, operation, signal);
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'conflict') return false;
    throw error;
  }
}

function intoValue(request: WriteRequest, kv: KeyValue, { weight: scale }: EtcdOptions): Step {
  const standing = standingIn(kv);
  if (standing === undefined) return { receipt: 'refused', detail: 'the value is not a JSON object' };
  const { mark, weight } = standing;
  const decision = decide(request, { mark, ownWeight: weightBefore(mark, weight) }, scale);
  if (decision.kind === 'receipt') return decision;
  // The lease stays the provider's: when it is no longer renewed, the key goes, mark and all.
  const operation = replaceValue(kv.key, withMark(kv.value, decision.mark, decision.weight));
  return { compare: [unchangedSince(kv.key, kv.modRevision)], operation };
}

/** The provider's key is only compared: it must still be the same life. */
function intoStatus(
  request: WriteRequest,
  kv: KeyValue,
  statusKey: string,
  status: KeyValue | undefined,
): Step {
  const mark = status === undefined ? undefined : readStatus(status, kv.createRevision);
  const decision = decide(request, { mark, ownWeight: undefined }, undefined);
  if (decision.kind === 'receipt') return decision;
  // Under the provider's lease, so that it does not outlive the instance.
  const operation =
    decision.mark === undefined
      ? remove(statusKey)
      : putUnder(kv.lease, statusKey, formatStatusValue(decision.mark, kv.createRevision));
  return {
    compare: [sameLife(kv.key, kv.createRevision), unchangedSince(statusKey, status?.modRevision ?? '0')],
    operation,
  };
}

/** Removes a status key of an instance that has left, unless it came back or the key changed. */
export async function removeOrphan(
  status: KeyValue,
  providerKey: string,
  api: EtcdApi,
  signal: AbortSignal,
): Promise<void> {
  const compare = [sameLife(providerKey, '0'), unchangedSince(status.key, status.modRevision)];
  await stored(compare, remove(status.key), api, signal);
}
