/** Carries out what shall be written to one registry: newest wins, in batches, at a bounded rate, with patience. */

import type { Clock } from '../core/clock.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import { type Receipt, type Registry, RegistryError } from '../core/registry.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import { type Bucket, type BucketLimits, fullBucket, takeToken, tokenWait } from '../lib/token-bucket.ts';
import { type Desired, sameDesired } from './reconcile.ts';

export interface Order {
  readonly instance: Instance;
  readonly desired: Desired;
  readonly force: boolean;
  /** `Clock.now()` since when this is desired. */
  readonly since: number;
}

export interface PublishDeps {
  readonly name: string;
  readonly registry: Registry;
  readonly writer: string;
  readonly perInstance: BucketLimits;
  readonly perRegistry: BucketLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onReceipt: (order: Order, receipt: Receipt) => void;
  /** Batch after batch has failed as a whole; undefined once one did not again. */
  readonly onFailing: (error: RegistryError | undefined) => void;
}

interface Waiting {
  readonly order: Order;
  readonly refusals: number;
  readonly notBefore: number;
}

const RETRY: Backoff = { base: 500, cap: 15_000 };
/** So many failures in a row are no accident any more. */
const LASTING = 3;
/** An adapter has deadlines of its own; this one is for an adapter that forgot. */
const WRITE_DEADLINE = 30_000;

function isSame(a: Order | undefined, b: Order): boolean {
  return a !== undefined && sameDesired(a.desired, b.desired) && a.force === b.force;
}

export class Publisher {
  readonly #deps: PublishDeps;
  readonly #waiting = new Map<InstanceId, Waiting>();
  readonly #buckets = new Map<InstanceId, Bucket>();
  #bucket: Bucket;
  /** Being written now. */
  #flying: ReadonlyMap<InstanceId, Waiting> = new Map();
  #finishing = false;
  #wake: (() => void) | undefined;

  constructor(deps: PublishDeps) {
    this.#deps = deps;
    this.#bucket = fullBucket(deps.perRegistry, deps.clock.now());
  }

  /** Orders not yet carried out. */
  get pending(): number {
    return this.#waiting.size + this.#flying.size;
  }

  /** Replaces an older order for the same instance. */
  offer(order: Order): void {
    const id = order.instance.id;
    const old = this.#waiting.get(id);
    if (old === undefined && isSame(this.#flying.get(id)?.order, order)) return;
    this.#waiting.set(
      id,
      old !== undefined && isSame(old.order, order)
        ? { ...old, order }
        : { order, refusals: 0, notBefore: Number.NEGATIVE_INFINITY },
    );
    this.#wake?.();
  }

  withdraw(id: InstanceId): void {
    this.#waiting.delete(id);
  }

  /** The instance is gone: nothing of it is kept. */
  forget(id: InstanceId): void {
    this.#waiting.delete(id);
    this.#buckets.delete(id);
  }

  /** Carries out orders until aborted, or until `finish` was called and nothing more can be written at once. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const wait = this.#nextWait();
      if (wait > 0) {
        if (this.#finishing) return;
        await this.#pause(wait, signal);
        continue;
      }
      const failed = await this.#writeBatch(signal);
      if (failed === undefined && failures >= LASTING) this.#deps.onFailing(undefined);
      failures = failed === undefined ? 0 : failures + 1;
      if (failed === undefined) continue;
      if (failures === LASTING) this.#deps.onFailing(failed);
      if (this.#finishing) return;
      if (failures === 1) {
        this.#deps.log.warn('Writing to the registry failed; it is tried again', {
          registry: this.#deps.name,
          code: failed.code,
          error: failed.message,
        });
      }
      await this.#pause(backoffDelay(RETRY, failures, this.#deps.random()), signal, 'sleep through');
    }
  }

  /** No more orders will come: what can be written at once still is, then `run` returns. */
  finish(): void {
    this.#finishing = true;
    this.#wake?.();
  }

  /** Milliseconds until something may be written; infinite when nothing waits. */
  #nextWait(): number {
    const { clock, perInstance, perRegistry } = this.#deps;
    const now = clock.now();
    let wait = Number.POSITIVE_INFINITY;
    for (const [id, { notBefore }] of this.#waiting) {
      const bucket = this.#buckets.get(id);
      const own = bucket === undefined ? 0 : tokenWait(perInstance, bucket, now);
      wait = Math.min(wait, Math.max(own, notBefore - now, 0));
      if (wait === 0) break;
    }
    return Math.max(wait, tokenWait(perRegistry, this.#bucket, now));
  }

  /** Takes the orders that are due and allowed, the longest desired first. */
  #takeBatch(): readonly Waiting[] {
    const { clock, perInstance, perRegistry, registry } = this.#deps;
    const now = clock.now();
    const batch: Waiting[] = [];
    const oldestFirst = [...this.#waiting.values()].sort((a, b) => a.order.since - b.order.since);
    for (const waiting of oldestFirst) {
      if (batch.length >= registry.batchSize) break;
      const id = waiting.order.instance.id;
      if (waiting.notBefore > now) continue;
      const own = this.#buckets.get(id);
      if (own !== undefined && tokenWait(perInstance, own, now) > 0) continue;
      const all = takeToken(perRegistry, this.#bucket, now);
      if (all === undefined) break;
      this.#bucket = all;
      this.#waiting.delete(id);
      batch.push(waiting);
    }
    return batch;
  }

  /** The error with which the whole batch failed; it waits again then. */
  async #writeBatch(signal: AbortSignal): Promise<RegistryError | undefined> {
    const { registry, clock, writer, onReceipt } = this.#deps;
    const batch = new Map(this.#takeBatch().map((waiting) => [waiting.order.instance.id, waiting]));
    this.#flying = new Map(batch);
    using deadline = clock.deadline(WRITE_DEADLINE, signal);
    let failure: RegistryError | undefined;
    try {
      const requests = [...batch.values()].map(({ order }) => ({
        instance: order.instance,
        desired: order.desired,
        force: order.force,
        writer,
      }));
      for (const receipt of (await registry.write?.(requests, deadline.signal)) ?? []) {
        const waiting = batch.get(receipt.instance);
        if (waiting === undefined) continue;
        batch.delete(receipt.instance);
        if (receipt.kind === 'written') this.#charge(receipt.instance);
        if (receipt.kind === 'refused') this.#again(waiting, waiting.refusals + 1);
        onReceipt(waiting.order, receipt);
      }
    } catch (error) {
      if (error instanceof RegistryError) failure = error;
      else if (deadline.expired)
        failure = new RegistryError('unreachable', `registry ${this.#deps.name}: a write hung`);
      else if (!signal.aborted) throw error;
    }
    // Without a receipt: the batch failed as a whole, or the adapter forgot this one.
    for (const waiting of batch.values()) {
      this.#again(waiting, failure === undefined ? waiting.refusals + 1 : waiting.refusals);
    }
    this.#flying = new Map();
    return failure;
  }

  /** Only what changed the registry counts against the instance's rate. */
  #charge(id: InstanceId): void {
    const { clock, perInstance } = this.#deps;
    const now = clock.now();
    const charged = takeToken(perInstance, this.#buckets.get(id) ?? fullBucket(perInstance, now), now);
    if (charged !== undefined) this.#buckets.set(id, charged);
  }

  /** Waits again, unless something newer is wanted by now. */
  #again(waiting: Waiting, refusals: number): void {
    const id = waiting.order.instance.id;
    if (this.#waiting.has(id)) return;
    const delay = refusals === 0 ? 0 : backoffDelay(RETRY, refusals, this.#deps.random());
    this.#waiting.set(id, { order: waiting.order, refusals, notBefore: this.#deps.clock.now() + delay });
  }

  /** Until `ms` are over, something comes up, or the end. After a failure new orders are no reason to try sooner. */
  async #pause(ms: number, signal: AbortSignal, orders: 'wake' | 'sleep through' = 'wake'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => {
      if (orders === 'wake' || this.#finishing || signal.aborted) resolve();
    };
    using _timer = Number.isFinite(ms) ? this.#deps.clock.after(ms, resolve) : undefined;
    this.#wake = wake;
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
    this.#wake = undefined;
  }
}
