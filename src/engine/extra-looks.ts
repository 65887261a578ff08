/**
 * Looks beside the schedule: who wants one and when, and the one budget that all of them share, so that an outage of many
 * targets is confirmed quickly and never amplified.
 */

import type { TargetId } from '../core/target.ts';
import { Heap } from '../lib/heap.ts';
import { type Bucket, type BucketLimits, fullBucket, takeToken, tokenWait } from '../lib/token-bucket.ts';

/** Looks that may come at once for each target: enough to confirm that a third of them died together. */
const BURST_PER_TARGET = 2;
/** Few targets may burst too: as many looks as four deaths need at 30 % loss (detection.md 2.2). */
const LEAST_BURST = 100;

/**
 * The budget: in the long run `share` of the scheduled looks, `baseRate` of which are due each second; at once two for each
 * of the targets, at least 100.
 */
export function budgetOf(share: number, baseRate: number, targets: number): BucketLimits {
  return {
    capacity: Math.max(LEAST_BURST, BURST_PER_TARGET * targets),
    refillEvery: 1_000 / Math.max(Number.MIN_VALUE, share * baseRate),
  };
}

export class ExtraLooks {
  /** By the time they are wanted. */
  readonly #wanted = new Heap<TargetId>();
  /** Their time has come: the newest suspicion first, since the oldest has had its share already. */
  readonly #ready = new Heap<TargetId>();
  /** Since when each target is under suspicion, and when it was last let through. */
  readonly #suspects = new Map<TargetId, { readonly since: number; readonly last: number | undefined }>();
  #bucket: Bucket | undefined;
  #taken = 0;

  /** Looks that were let through since the start. */
  get taken(): number {
    return this.#taken;
  }

  /** Looks whose time has come and that wait for the budget. */
  get waiting(): number {
    return this.#ready.size;
  }

  /**
   * One more look within so many milliseconds of the last one (of now, where there was none under this suspicion), yet not before
   * `notBefore`; an earlier wish stands, so that many answers do not put off the next look.
   */
  want(id: TargetId, within: number, now: number, notBefore: number): void {
    const suspect = this.#suspects.get(id) ?? { since: now, last: undefined };
    this.#suspects.set(id, suspect);
    const at = Math.max(now, notBefore, (suspect.last ?? now) + within);
    if (this.#ready.has(id) || (this.#wanted.at(id) ?? Number.POSITIVE_INFINITY) <= at) return;
    this.#wanted.set(id, at);
  }

  /** The suspicion is over, or the target is gone. */
  forget(id: TargetId): void {
    this.#wanted.delete(id);
    this.#ready.delete(id);
    this.#suspects.delete(id);
  }

  /** When something can be done next, infinity where nobody wants anything. */
  next(limits: BucketLimits, now: number): number {
    const soonest = this.#wanted.peek()?.at ?? Number.POSITIVE_INFINITY;
    if (this.#ready.size === 0) return soonest;
    return Math.min(soonest, now + tokenWait(limits, this.#bucketAt(limits, now), now));
  }

  /** Those that may be looked at now. */
  *take(limits: BucketLimits, now: number): Generator<TargetId> {
    for (let next = this.#wanted.peek(); next !== undefined && next.at <= now; next = this.#wanted.peek()) {
      this.#wanted.delete(next.item);
      this.#ready.set(next.item, -(this.#suspects.get(next.item)?.since ?? now));
    }
    for (let next = this.#ready.peek(); next !== undefined; next = this.#ready.peek()) {
      if (!this.spend(limits, now)) return;
      const id = next.item;
      this.#ready.delete(id);
      this.#suspects.set(id, { since: this.#suspects.get(id)?.since ?? now, last: now });
      yield id;
    }
  }

  /** Takes one look off the budget; false where it is used up. */
  spend(limits: BucketLimits, now: number): boolean {
    const left = takeToken(limits, this.#bucketAt(limits, now), now);
    if (left === undefined) return false;
    this.#bucket = left;
    this.#taken++;
    return true;
  }

  #bucketAt(limits: BucketLimits, now: number): Bucket {
    this.#bucket ??= fullBucket(limits, now);
    return this.#bucket;
  }
}
