/** What the pipeline remembers of targets and instances over a restart, and how it reads it again. Pure. */

import { FAILURE_CAUSES, HEALTH_REASONS, type Reason } from '../core/cause.ts';
import { HEALTHS, type Health } from '../core/health.ts';
import type { InstanceId } from '../core/instance.ts';
import type { TargetId } from '../core/target.ts';
import type { Desired, Written } from './reconcile.ts';

export interface SavedTarget {
  /** Kind of the rule that the state belongs to. */
  readonly rule: string;
  readonly health: Health;
  readonly reason: Reason;
  /** `Clock.now()` since when, as are all times here. */
  readonly since: number;
  /** Of the last outcome that counted. */
  readonly freshAt: number;
  readonly state: unknown;
  /** Of the check's shadow rule, where it has one. */
  readonly shadow?: { readonly rule: string; readonly state: unknown };
}

export interface SavedInstance {
  readonly since: number;
  readonly written: Written | null;
  readonly contestedAt: string | null;
  readonly force: boolean;
}

export const targetKey = (id: TargetId): string => `target/${id}`;
export const instanceKey = (id: InstanceId): string => `instance/${id}`;

/** A word of another version is none of ours. */
export function decodeReason(text: unknown): Reason {
  return [...FAILURE_CAUSES, ...HEALTH_REASONS].find((reason) => reason === text) ?? 'no-evidence';
}

export function decodeTarget(value: unknown): SavedTarget | undefined {
  if (!isRecord(value)) return undefined;
  const { rule, health, reason, since, freshAt, state, shadow } = value;
  const known = HEALTHS.find((one) => one === health);
  if (known === undefined || typeof rule !== 'string') return undefined;
  if (!isTime(since) || !isTime(freshAt)) return undefined;
  const beside = decodeShadow(shadow);
  return {
    rule,
    health: known,
    reason: decodeReason(reason),
    since,
    freshAt,
    state,
    ...(beside === undefined ? {} : { shadow: beside }),
  };
}

function decodeShadow(value: unknown): SavedTarget['shadow'] {
  if (!isRecord(value) || typeof value.rule !== 'string') return undefined;
  return { rule: value.rule, state: value.state };
}

export function decodeInstance(value: unknown): SavedInstance | undefined {
  if (!isRecord(value) || !isTime(value.since)) return undefined;
  const { since, written, contestedAt, force } = value;
  return {
    since,
    written: decodeWritten(written) ?? null,
    contestedAt: typeof contestedAt === 'string' ? contestedAt : null,
    force: force === true,
  };
}

function decodeWritten(value: unknown): Written | undefined {
  if (!isRecord(value) || !isTime(value.at) || typeof value.seen !== 'boolean') return undefined;
  const desired = decodeDesired(value.desired);
  return desired === undefined ? undefined : { desired, at: value.at, seen: value.seen };
}

function decodeDesired(value: unknown): Desired | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, health, reason, since } = value;
  if (kind === 'release') return { kind };
  const known = HEALTHS.find((one) => one === health);
  if (kind !== 'health' || known === undefined || known === 'unknown') return undefined;
  if (typeof reason !== 'string' || typeof since !== 'string') return undefined;
  return { kind, health: known, reason, since };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
