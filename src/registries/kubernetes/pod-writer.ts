/** Writes health as a condition of the Pod, for its readiness gate: from a fresh read, and only onto what was read. */

import type { Clock } from '../../core/clock.ts';
import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { isoTime } from '../../lib/iso-time.ts';
import { decide } from '../shared/mark.ts';
import { type KubernetesApi, objectPath } from './api.ts';
import { conditionFor, conditionTypeOf, hasGate, standingCondition, statusFor } from './condition.ts';
import type { Events } from './events.ts';
import { type Pod, type PodCondition, thingKey } from './objects.ts';
import type { KubernetesOptions } from './options.ts';
import type { View } from './view.ts';

export interface WriterDeps {
  readonly options: KubernetesOptions;
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly events: Events | undefined;
  /** As last listed and followed, if it was. */
  readonly view: View | undefined;
}

/** Against a kubelet that keeps changing the status of a Pod that starts. */
const TRIES = 5;

type Step =
  | { readonly receipt: Receipt['kind']; readonly detail?: string }
  | { readonly condition: PodCondition };

export async function writeCondition(
  request: WriteRequest,
  podName: string,
  deps: WriterDeps,
  signal: AbortSignal,
): Promise<Receipt> {
  const { id, namespace, incarnation } = request.instance;
  const path = `${objectPath('Pod', namespace, podName)}/status`;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const pod = await deps.api.getPod(namespace, podName, signal);
    if (pod === undefined || pod.metadata.uid !== incarnation) return { instance: id, kind: 'gone' };
    const step = stepFor(request, pod, deps);
    if ('receipt' in step) {
      const detail = step.detail === undefined ? {} : { detail: step.detail };
      return { instance: id, kind: step.receipt, ...detail };
    }
    const { uid, resourceVersion } = pod.metadata;
    // Conditions are merged by their type: those of others stay. Both numbers are preconditions (409 where they differ).
    const patch = { metadata: { uid, resourceVersion }, status: { conditions: [step.condition] } };
    const outcome = await deps.api.patch(path, 'application/strategic-merge-patch+json', patch, signal);
    if (outcome === 'gone') return { instance: id, kind: 'gone' };
    if (outcome === 'done') {
      tellTransition(request, pod, deps);
      return { instance: id, kind: 'written' };
    }
  }
  const detail = `the Pod changed ${TRIES} times while it was being written`;
  return { instance: id, kind: 'refused', detail };
}

function stepFor(request: WriteRequest, pod: Pod, { options, clock, view }: WriterDeps): Step {
  const { namespace, service } = request.instance;
  const type = conditionTypeOf(options, service);
  if (!hasGate(pod, type)) return { receipt: 'refused', detail: `the Pod has no readiness gate ${type}` };
  const standing = standingCondition(pod, type);
  const owner = standing.service ?? service;
  if (owner !== service && view?.serves(thingKey(pod), { namespace, service: owner }) !== false)
    return {
      receipt: 'refused',
      detail: `${type} is written for the service ${owner}; use a conditionType with {service} to write both`,
    };
  const found = owner === service ? standing.mark : undefined;
  // What a sub-healthy one is to be was configured otherwise when it was written: the same mark is written again.
  const outdated = found?.intact === true && standing.condition?.status !== statusFor(found.health, options);
  const mark = found !== undefined && outdated ? { ...found, reason: '' } : found;
  const decision = decide(request, { mark, ownWeight: undefined }, undefined);
  if (decision.kind === 'receipt') return decision;
  const wanted = conditionFor(decision.mark, service, type, options);
  const { condition: before } = standing;
  const kept = before?.status === wanted.status ? before.lastTransitionTime : undefined;
  return { condition: { ...wanted, lastTransitionTime: kept ?? isoTime(clock.wall()) } };
}

function tellTransition({ desired, writer, instance }: WriteRequest, pod: Pod, deps: WriterDeps): void {
  if (desired.kind === 'release') return;
  const { health, reason } = desired;
  const before = standingCondition(pod, conditionTypeOf(deps.options, instance.service)).mark;
  if (before?.health === health) return;
  const note = `${instance.service} at ${instance.key} is ${health}: ${reason}`;
  deps.events?.tell({ about: pod, health, note, writer });
}
