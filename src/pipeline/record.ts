/** What the pipeline knows of one instance. Changed only by pipeline.ts, write-back.ts and gate.ts. */

import { FAILURE_CAUSES, HEALTH_REASONS, type Reason } from '../core/cause.ts';
import type { Check } from '../core/check.ts';
import type { Flag } from '../core/health.ts';
import type { Instance } from '../core/instance.ts';
import type { Seed } from '../core/seed.ts';
import type { Target, TargetId } from '../core/target.ts';
import type { WriteMode } from '../core/view.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { type Aggregate, aggregate, type Judged } from './aggregate.ts';
import type { Hold } from './guard.ts';
import { targetsOf } from './match.ts';
import { type Desired, isForeign, type Written } from './reconcile.ts';
import { serviceKey } from './roster.ts';

export interface TargetRecord {
  target: Target;
  readonly check: Check;
  judged: Judged;
  /** `Clock.now()` of the last outcome that counted; of the start before the first. */
  freshAt: number;
}

export interface InstanceRecord {
  instance: Instance;
  /** Key of its service, made once. */
  readonly service: string;
  targets: ReadonlyMap<TargetId, TargetRecord>;
  mode: WriteMode;
  /** Share of the service. */
  maxUnavailable: number;
  health: Aggregate;
  /** `Clock.now()` since when the health holds. */
  since: number;
  flags: readonly Flag[];
  readonly write: WriteState;
}

/** Where the write-back of an instance stands. */
interface WriteState {
  desired: Desired | null;
  /** `Clock.now()` since when that is desired. */
  since: number;
  /** Why the guard holds it back. */
  held: Hold | null;
  /** The guard let this desire through. */
  admitted: boolean;
  written: Written | undefined;
  /** In dry-run: what would have been written. */
  shadow: Desired | null;
  contestedAt: string | undefined;
  contested: boolean;
  /** The registry said no to the last try. */
  refused: boolean;
  /** An operator said to write over what stands there. */
  force: boolean;
}

export interface RecordRules {
  readonly checks: readonly Check[];
  /** Whose marks are our own. */
  readonly writer: string;
  readonly mode: WriteMode;
  readonly maxUnavailable: number;
}

/** A newly seen instance: its health is what our own mark says, else unknown. */
export function newRecord(instance: Instance, rules: RecordRules, now: number): InstanceRecord {
  const targets = retarget(instance, rules, now, new Map());
  const { mark } = instance;
  const since = mark !== undefined && !isForeign(mark, rules.writer) ? parseIsoTime(mark.since) : undefined;
  return {
    instance,
    service: serviceKey(instance),
    targets,
    mode: rules.mode,
    maxUnavailable: rules.maxUnavailable,
    health: aggregate(
      [...targets.values()].map(({ judged }) => judged),
      null,
    ),
    since: since ?? now,
    flags: [],
    write: {
      desired: null,
      since: now,
      held: null,
      admitted: false,
      written: undefined,
      shadow: null,
      contestedAt: undefined,
      contested: false,
      refused: false,
      force: false,
    },
  };
}

/** The targets an instance has now; what is known of those it had before stays. */
export function retarget(
  instance: Instance,
  rules: RecordRules,
  now: number,
  before: ReadonlyMap<TargetId, TargetRecord>,
): ReadonlyMap<TargetId, TargetRecord> {
  const byName = new Map(rules.checks.map((check) => [check.name, check]));
  const targets = new Map<TargetId, TargetRecord>();
  for (const target of targetsOf(rules.checks, instance, (check) =>
    seedOf(instance, rules.writer, check, now),
  )) {
    const check = byName.get(target.check);
    if (check === undefined) continue;
    const old = before.get(target.id);
    const { health, reason } = target.seed;
    targets.set(target.id, {
      target,
      check,
      judged: old?.judged ?? { target: target.id, health, reason },
      freshAt: old?.freshAt ?? now,
    });
  }
  return targets;
}

function seedOf(instance: Instance, writer: string, check: Check, now: number): Seed {
  const { mark } = instance;
  const graceUntil = now + check.startPeriod;
  if (mark === undefined || isForeign(mark, writer))
    return { health: 'unknown', reason: 'no-evidence', graceUntil };
  return { health: mark.health, reason: decodeReason(mark.reason), graceUntil };
}

/** A mark may have been written by a version with other reasons. */
function decodeReason(text: string): Reason {
  return [...FAILURE_CAUSES, ...HEALTH_REASONS].find((reason) => reason === text) ?? 'no-evidence';
}

export function flagsOf(record: InstanceRecord, now: number): readonly Flag[] {
  const flags: Flag[] = [];
  for (const { check, freshAt } of record.targets.values()) {
    if (now - freshAt <= staleAfter(check)) continue;
    flags.push('stale');
    break;
  }
  if (record.write.held !== null) flags.push('held');
  return flags;
}

/** Three rounds without an outcome that counts. */
function staleAfter(check: Check): number {
  return 3 * check.deadInterval + check.timeout;
}

export function isDead(desired: Desired | null): boolean {
  return desired?.kind === 'health' && desired.health === 'dead';
}

/** The registry says dead of it, or would if this were no dry-run. */
export function standsDead(record: InstanceRecord): boolean {
  const { shadow, written } = record.write;
  if (record.mode === 'dry-run' && shadow !== null) return isDead(shadow);
  if (written !== undefined && !written.seen) return isDead(written.desired);
  return record.instance.mark?.health === 'dead';
}
