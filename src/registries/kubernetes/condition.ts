/**
 * The condition that a Pod's readiness gate waits for: health as its status, and the mark as the last line of its message,
 * so that both are written together or not at all. Pure.
 */

import type { WritableHealth } from '../../core/health.ts';
import type { FoundMark } from '../../core/instance.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import { type Pod, type PodCondition, parsedJson } from './objects.ts';
import type { KubernetesOptions } from './options.ts';

const REASONS: Readonly<Record<WritableHealth, string>> = {
  healthy: 'Healthy',
  'sub-healthy': 'SubHealthy',
  dead: 'Dead',
};
const HEALTHS = new Map(
  (Object.entries(REASONS) as [WritableHealth, string][]).map(([health, reason]) => [reason, health]),
);

/** Before the mark, at the start of the message's last line. */
const MARK = 'sonde: ';

export interface StandingCondition {
  readonly condition: PodCondition | undefined;
  readonly mark: FoundMark | undefined;
  /** The service for which it was written: a Pod may serve several, and has one condition. */
  readonly service: string | undefined;
}

export function conditionTypeOf({ conditionType }: KubernetesOptions, service: string): string {
  return conditionType.replaceAll('{service}', service);
}

export function hasGate(pod: Pod, type: string): boolean {
  return pod.spec.readinessGates.some((gate) => gate.conditionType === type);
}

export function standingCondition({ status }: Pick<Pod, 'status'>, type: string): StandingCondition {
  const condition = status.conditions.find((one) => one.type === type);
  const line = condition?.message.split('\n').at(-1) ?? '';
  if (condition === undefined || !line.startsWith(MARK))
    return { condition, mark: undefined, service: undefined };
  const stored = parsedJson(line.slice(MARK.length));
  // What is no JSON is somebody's, like a damaged mark.
  const mark = readMark(stored ?? {}, undefined);
  const { service } = (stored ?? {}) as { readonly service?: unknown };
  return {
    condition,
    mark: mark === undefined ? undefined : asItStands(mark, condition),
    service: typeof service === 'string' ? service : undefined,
  };
}

/** Whether the condition is what the mark says it is; if not, the health is what the condition says. */
function asItStands(mark: FoundMark, { status, reason }: PodCondition): FoundMark {
  const stands = HEALTHS.get(reason);
  // How a sub-healthy one stands is configured, and may have been otherwise when it was written.
  const right = mark.health === 'sub-healthy' || (status === 'True') === (mark.health === 'healthy');
  if (stands === mark.health && right) return mark;
  const health = stands === undefined || stands === mark.health ? byStatus(status) : stands;
  return { ...mark, health, intact: false };
}

function byStatus(status: string): WritableHealth {
  return status === 'True' ? 'healthy' : 'dead';
}

export function statusFor(health: WritableHealth, { subHealthy }: KubernetesOptions): 'True' | 'False' {
  if (health === 'sub-healthy') return subHealthy === 'ready' ? 'True' : 'False';
  return health === 'healthy' ? 'True' : 'False';
}

/** What shall stand there. `mark` undefined: sonde no longer judges, and the gate must not keep the Pod from serving. */
export function conditionFor(
  mark: MarkRecord | undefined,
  service: string,
  type: string,
  options: KubernetesOptions,
): Omit<PodCondition, 'lastTransitionTime'> {
  if (mark === undefined)
    return { type, status: 'True', reason: 'Released', message: 'No longer judged by sonde' };
  const { health, reason, since } = mark;
  return {
    type,
    status: statusFor(health, options),
    reason: REASONS[health],
    message: `${health} since ${since}: ${reason}\n${MARK}${JSON.stringify({ ...mark, service })}`,
  };
}
