/** Carries out one write: reads what stands there past the caches, plans, and does it step by step. */

import { type Receipt, RegistryError, type WriteRequest } from '../../core/registry.ts';
import type { EurekaApi } from './api.ts';
import type { EurekaOptions } from './options.ts';
import { planOf, type Step } from './plan.ts';
import type { Reader } from './reader.ts';
import { OUT, standingOf } from './standing.ts';
import type { InstanceInfo } from './wire.ts';

export interface WriterDeps {
  readonly name: string;
  readonly options: EurekaOptions;
  readonly api: EurekaApi;
  readonly reader: Reader;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
}

/** A change that was sent is not taken back: it comes to its end or to its deadline, whoever still waits for it. */
const TO_ITS_END = new AbortController().signal;

/** Throws `RegistryError`, and `signal.reason`. */
export async function writeOne(
  request: WriteRequest,
  deps: WriterDeps,
  signal: AbortSignal,
): Promise<Receipt> {
  const { service: app, key: id, id: instance } = request.instance;
  const { options, api, reader } = deps;
  const info = await api.get(app, id, signal);
  if (info === undefined) return { instance, kind: 'gone' };
  const { metadataKey } = options;
  const standing = standingOf(info, metadataKey, reader.remembers(app, id));
  reader.remember(app, id, standing.ours);
  const stale = deps.wall() - info.registeredAt >= options.renew;
  const plan = planOf(request, { info, standing, metadataKey, stale });
  switch (plan.kind) {
    case 'receipt': {
      const { receipt: kind, detail } = plan;
      return { instance, kind, ...(detail === undefined ? {} : { detail }) };
    }
    case 'renew':
      await api.putMetadata(app, id, metadataKey, plan.text, TO_ITS_END);
      return { instance, kind: 'unchanged' };
    case 'steps':
      for (const step of plan.steps) {
        signal.throwIfAborted();
        if (!(await carryOut(step, info, deps))) return { instance, kind: 'gone' };
      }
      return { instance, kind: 'written' };
    default:
      return plan satisfies never;
  }
}

/** False where the instance left meanwhile. */
async function carryOut(step: Step, info: InstanceInfo, deps: WriterDeps): Promise<boolean> {
  const { app, id } = info;
  const { api, reader, options } = deps;
  switch (step.kind) {
    case 'metadata':
      return api.putMetadata(app, id, options.metadataKey, step.text, TO_ITS_END);
    case 'take-out': {
      const there = await api.putOverride(app, id, OUT, TO_ITS_END);
      reader.remember(app, id, there);
      return there;
    }
    case 'put-back': {
      const there = await putBack(step.status, info, deps);
      reader.remember(app, id, false);
      return there;
    }
    default:
      return step satisfies never;
  }
}

/**
 * The server removes an override only while it remembers it, which is an hour from the last renewal
 * (AbstractInstanceRegistry.deleteStatusOverride); the status that it forgot why it has is overridden, and that removed.
 */
async function putBack(
  status: string,
  { app, id }: InstanceInfo,
  { name, api }: WriterDeps,
): Promise<boolean> {
  if (!(await api.deleteOverride(app, id, status, TO_ITS_END))) return false;
  const after = await api.get(app, id, TO_ITS_END);
  if (after === undefined || after.status !== OUT) return after !== undefined;
  if (!(await api.putOverride(app, id, status, TO_ITS_END))) return false;
  if (!(await api.deleteOverride(app, id, status, TO_ITS_END))) return false;
  const last = await api.get(app, id, TO_ITS_END);
  if (last?.status === OUT)
    throw new RegistryError('conflict', `registry ${name}: ${app} ${id}: the override does not go`);
  return last !== undefined;
}
