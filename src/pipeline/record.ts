/** What the pipeline knows of one instance. Changed only by pipeline.ts, write-back.ts and gate.ts. */

import type { Check } from '../core/check.ts';
import type { Flag, WritableHealth } from '../core/health.ts';
import type { Instance } from '../core/instance.ts';
import { FORGETFUL, type Memory } from '../core/memory.ts';
import type { Told } from '../core/report.ts';
import type { Numbers } from '../core/rule.ts';
import type { Seed } from '../core/seed.ts';
import type { Target, TargetId } from '../core/target.ts';
import type { WriteMode } from '../core/view.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { type Aggregate, aggregate, type Judged } from './aggregate.ts';
import type { Hold } from './guard.ts';
import type { Laid } from './interventions.ts';
import { targetsOf } from './match.ts';
import { type Desired, isForeign, titleOf, type Written } from './reconcile.ts';
import { serviceKey } from './roster.ts';
import { decodeInstance, decodeReason, decodeTarget, instanceKey, targetKey } from './saved.ts';

export interface TargetRecord {
  target: Target;
  readonly check: Check;
  judged: Judged;
  /** `Clock.now()` since when the judged health holds. */
  since: number;
  /** `Clock.now()` of the last outcome that counted; of the start before the first. */
  freshAt: number;
  /** When the first of the looks began that have not reached it since; null where the last one did. */
  lostSince: number | null;
  /** The rule's state and numbers after the last outcome, undefined before the first. */
  state: unknown;
  /** The state of the shadow rule after it. */
  shadow: unknown;
  numbers: Numbers | undefined;
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
  /** What operators laid on it. */
  laid: readonly Laid[];
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
  /** What those were told that ask no registry. */
  told: Told;
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
  readonly memory: Memory;
}

/** A newly seen instance: its health is what was remembered, else what our own mark says, else unknown. */
export function newRecord(
  instance: Instance,
  rules: RecordRules,
  laid: readonly Laid[],
  now: number,
): InstanceRecord {
  const remembered = retarget(instance, rules, now, new Map());
  const newer = outruns(instance, rules.writer, [...remembered.values()]);
  const targets = newer ? retarget(instance, { ...rules, memory: FORGETFUL }, now, new Map()) : remembered;
  const saved = decodeInstance(rules.memory.recall(instanceKey(instance.id)));
  const since = (newer ? undefined : saved?.since) ?? sinceOfMark(instance, rules.writer);
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
    laid,
    write: {
      desired: null,
      since: now,
      held: null,
      admitted: false,
      // A later write of the earlier process may not have been kept: what stands now was not seen changing.
      written: saved?.written ? { ...saved.written, seen: false } : undefined,
      told: null,
      shadow: null,
      contestedAt: saved?.contestedAt ?? undefined,
      contested: false,
      refused: false,
      force: saved?.force ?? false,
    },
  };
}

/**
 * Our own mark says another health, since a moment after all that was remembered: an earlier process was killed after it
 * had written and before it could keep what it had judged.
 */
function outruns(instance: Instance, writer: string, targets: readonly TargetRecord[]): boolean {
  const since = sinceOfMark(instance, writer);
  if (since === undefined) return false;
  const { health } = aggregate(
    targets.map(({ judged }) => judged),
    null,
  );
  return health !== instance.mark?.health && targets.every((one) => Math.floor(one.since) < since);
}

/** What was written of it last, by this process or one before. */
export function lastWritten({ write: { written } }: InstanceRecord): string | null {
  return written === undefined ? null : titleOf(written.desired);
}

function sinceOfMark({ mark }: Instance, writer: string): number | undefined {
  return mark === undefined || isForeign(mark, writer) ? undefined : parseIsoTime(mark.since);
}

/** The targets an instance has now; what is known of those it had before stays, unless their check was made anew. */
export function retarget(
  instance: Instance,
  rules: RecordRules,
  now: number,
  before: ReadonlyMap<TargetId, TargetRecord>,
): ReadonlyMap<TargetId, TargetRecord> {
  const byName = new Map(rules.checks.map((check) => [check.name, check]));
  const targets = new Map<TargetId, TargetRecord>();
  for (const target of targetsOf(rules.checks, instance, (id, check) =>
    seedOf(instance, id, check, rules, now, before.get(id)),
  )) {
    const check = byName.get(target.check);
    if (check === undefined) continue;
    const old = before.get(target.id);
    const { health, reason } = target.seed;
    targets.set(target.id, {
      target,
      check,
      judged: old?.judged ?? { target: target.id, health, reason },
      since: old?.since ?? target.seed.since ?? now,
      freshAt: old?.freshAt ?? now,
      lostSince: old?.check === check ? old.lostSince : null,
      state: old?.check === check ? old.state : target.seed.saved,
      shadow: old?.check === check ? old.shadow : target.seed.savedShadow,
      numbers: old?.check === check ? old.numbers : undefined,
    });
  }
  return targets;
}

/** What is known before the first look: of the target as it was, of an earlier process, of our own mark; in this order. */
function seedOf(
  instance: Instance,
  id: TargetId,
  check: Check,
  { memory, writer }: RecordRules,
  now: number,
  old: TargetRecord | undefined,
): Seed {
  const graceUntil = now + check.startPeriod;
  // Its check was made anew: what the other one saw is no evidence, but nothing flips because of that.
  if (old !== undefined) {
    const { health, reason } = old.judged;
    return { health, reason, since: old.since, graceUntil };
  }
  const { mark } = instance;
  const marked = mark !== undefined && !isForeign(mark, writer);
  const saved = decodeTarget(memory.recall(targetKey(id)));
  if (saved !== undefined && (saved.health !== 'unknown' || !marked)) {
    const { health, reason, since, shadow } = saved;
    const state = saved.rule === check.rule.kind ? { saved: saved.state } : {};
    const beside =
      shadow !== undefined && shadow.rule === check.shadow?.rule.kind ? { savedShadow: shadow.state } : {};
    return { health, reason, since, graceUntil, ...state, ...beside };
  }
  if (!marked) return { health: 'unknown', reason: 'no-evidence', graceUntil };
  const since = parseIsoTime(mark.since);
  const known = since === undefined ? {} : { since };
  return { health: mark.health, reason: decodeReason(mark.reason), graceUntil, ...known };
}

export function flagsOf(record: InstanceRecord, now: number): readonly Flag[] {
  const flags: Flag[] = [];
  for (const { check, freshAt } of record.targets.values()) {
    if (now - freshAt <= staleAfter(check)) continue;
    flags.push('stale');
    break;
  }
  const paused = record.laid.some(({ kind }) => kind !== 'hold');
  if (record.write.held !== null && !paused) flags.push('held');
  if (paused) flags.push('paused');
  return flags;
}

/** Three rounds without an outcome that counts. */
function staleAfter(check: Check): number {
  return 3 * check.deadInterval + check.timeout;
}

export function isDead(desired: Desired | null): boolean {
  return desired?.kind === 'health' && desired.health === 'dead';
}

/** What the registry says of it, or will when our last write has arrived; healthy where nothing stands. */
export function standing(record: InstanceRecord): WritableHealth {
  const { written } = record.write;
  if (written !== undefined && !written.seen)
    return written.desired.kind === 'health' ? written.desired.health : 'healthy';
  return record.instance.mark?.health ?? 'healthy';
}

/**
 * What may be said of it to those who ask no registry: what is desired, as far as floor, brake and operators let it through;
 * until they do, what stands.
 */
export function toldOf(record: InstanceRecord): Told {
  const { desired, held, admitted, written, told } = record.write;
  if (record.mode !== 'apply' || desired?.kind === 'release') return { kind: 'release' };
  if (desired === null) return record.targets.size === 0 ? { kind: 'release' } : told;
  if (held === null && (admitted || !isDead(desired) || standsDead(record))) return desired;
  const { mark } = record.instance;
  return told ?? written?.desired ?? (mark === undefined ? null : { kind: 'health', ...mark });
}

/** The registry says dead of it, or would if this were no dry-run. */
export function standsDead(record: InstanceRecord): boolean {
  const { shadow } = record.write;
  if (record.mode === 'dry-run' && shadow !== null) return isDead(shadow);
  return standing(record) === 'dead';
}
