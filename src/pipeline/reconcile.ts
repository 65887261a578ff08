/** What to write of an instance: a pure plan from what is wanted, what was written and what the registry says. */

import { HEALTHS, type Health } from '../core/health.ts';
import type { FoundMark } from '../core/instance.ts';
import type { DesiredHealth, WriteRequest } from '../core/registry.ts';
import type { WriteMode } from '../core/view.ts';

export type Desired = WriteRequest['desired'];

/** The last write of this process that was carried out. */
export interface Written {
  readonly desired: Desired;
  /** `Clock.now()`. */
  readonly at: number;
  /** The registry has since been seen to say so. */
  readonly seen: boolean;
}

export interface PlanInput {
  readonly desired: Desired | null;
  readonly mark: FoundMark | undefined;
  readonly written: Written | undefined;
  /** Fingerprint of the mark at which a write was answered `contested`. */
  readonly contestedAt: string | undefined;
  readonly writer: string;
  readonly now: number;
  /** An operator said to write over whatever stands there. */
  readonly force: boolean;
}

export type Plan = 'rest' | 'write' | 'contested';

/** A listing that was under way during our write may still show the value before it. */
const SETTLE = 5_000;

export function plan(input: PlanInput): Plan {
  const { desired, mark, written, now } = input;
  if (desired === null) return 'rest';
  if (written !== undefined && !written.seen && now - written.at < SETTLE)
    return sameDesired(written.desired, desired) ? 'rest' : 'write';
  if (saysAlready(mark, desired, input.writer)) return 'rest';
  if (input.force) return 'write';
  // No mark: the provider registered again, or our write was lost.
  if (mark === undefined) return 'write';
  if (isForeign(mark, input.writer)) return 'contested';
  if (input.contestedAt !== undefined && input.contestedAt === fingerprint(mark)) return 'contested';
  // Seen as we wrote it, and now it says something else in our name: another sonde calls itself as we do.
  if (written?.seen === true && !saysAlready(mark, written.desired, input.writer)) return 'contested';
  return 'write';
}

/** The mark says what is desired (nothing, for a release). */
export function saysAlready(mark: FoundMark | undefined, desired: Desired, writer: string): boolean {
  if (desired.kind === 'release') return mark === undefined;
  return (
    mark !== undefined &&
    !isForeign(mark, writer) &&
    mark.health === desired.health &&
    mark.reason === desired.reason
  );
}

/** Not ours, or no longer what we wrote. */
export function isForeign(mark: FoundMark, writer: string): boolean {
  return mark.writer !== writer || !mark.intact;
}

/** Tells one found mark from another. */
export function fingerprint(mark: FoundMark | undefined): string {
  return mark === undefined ? '' : JSON.stringify(mark);
}

/** As it is shown: a health, or `release`. */
export function titleOf(desired: Desired): string {
  return desired.kind === 'release' ? 'release' : desired.health;
}

/** `since` alone is no difference: it is what the health and the reason are as of. */
export function sameDesired(a: Desired | null, b: Desired | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.kind === 'release' || b.kind === 'release') return a.kind === b.kind;
  return a.health === b.health && a.reason === b.reason;
}

/** What shall stand in the registry, by write mode: `observe` takes back what was written before. */
export function desiredOf(
  mode: WriteMode,
  judged: DesiredHealth | null,
  input: { readonly checked: boolean; readonly mark: FoundMark | undefined; readonly writer: string },
): Desired | null {
  const ours = input.mark !== undefined && input.mark.writer === input.writer;
  if (mode === 'observe' || !input.checked) return ours ? { kind: 'release' } : null;
  return judged;
}

export function isWorse(health: Health, than: Health): boolean {
  return HEALTHS.indexOf(health) > HEALTHS.indexOf(than);
}

const STRICTNESS: readonly WriteMode[] = ['observe', 'dry-run', 'apply'];

/** A policy may be stricter than its registry, never laxer. */
export function stricterMode(registry: WriteMode, policy: WriteMode | undefined): WriteMode {
  if (policy === undefined) return registry;
  return STRICTNESS.indexOf(policy) < STRICTNESS.indexOf(registry) ? policy : registry;
}
