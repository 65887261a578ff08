/** Carries out what shall be written to one registry: newest wins, in batches, at a bounded rate, with patience. */

import type { Clock } from '../core/clock.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import { type Receipt, type Registry, RegistryError } from '../core/registry.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import { type Bucket, type BucketLimits, fullBucket, takeToken, tokenWait } from '../lib/token-bucket.ts';
import type { Desired } from './reconcile.ts';

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
}

interface Waiting {
  readonly order: Order;
  readonly refusals: number;
  readonly notBefore: number;
}

const RETRY: Backoff = { base: 500, cap: 15_000 };
/** An adapter has deadlines of its own; this one is for an adapter that forgot. */
const WRITE_DEADLINE = 30_000;

export class Publisher {
  readonly #deps: PublishDeps;
  readonly #waiting = new Map<InstanceId, Waiting>();
  readonly #buckets = new Map<InstanceId, Bucket>();
  #bucket: Bucket;
  #inFlight = 0;
  #wake: (() => void) | undefined;

  constructor(deps: PublishDeps) {
    this.#deps = deps;
    this.#bucket = fullBucket(deps.perRegistry, deps.clock.now());
  }

  /** Orders not yet carried out. */
  get pending(): number {
    return this.#waiting.size + this.#inFlight;
  }

  /** Replaces an older order for the same instance. */
  offer(order: Order): void {
    const old = this.#waiting.get(order.instance.id);
    const same = old !== undefined && JSON.stringify(old.order.desired) === JSON.stringify(order.desired);
    this.#waiting.set(
      order.instance.id,
      same ? { ...old, order } : { order, refusals: 0, notBefore: Number.NEGATIVE_INFINITY },
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

  /** Returns when aborted. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const wait = this.#nextWait();
      if (wait > 0) {
        await this.#pause(wait, signal);
        continue;
      }
      const failed = await this.#writeBatch(signal);
      failures = failed === undefined ? 0 : failures + 1;
      if (failed === undefined || signal.aborted) continue;
      if (failures === 1) {
        this.#deps.log.warn('Writing to the registry failed; it is tried again', {
          registry: this.#deps.name,
          code: failed.code,
          error: failed.message,
        });
      }
      const delay = backoffDelay(RETRY, failures, this.#deps.random());
      await this.#deps.clock.sleep(delay, signal).catch(() => undefined);
    }
  }

  /** Writes what may be written now, once, before the process ends. */
  async flush(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#nextWait() === 0) {
      if ((await this.#writeBatch(signal)) !== undefined) return;
    }
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
      const own = takeToken(perInstance, this.#buckets.get(id) ?? fullBucket(perInstance, now), now);
      if (own === undefined) continue;
      const all = takeToken(perRegistry, this.#bucket, now);
      if (all === undefined) break;
      this.#bucket = all;
      this.#buckets.set(id, own);
      this.#waiting.delete(id);
      batch.push(waiting);
    }
    return batch;
  }

  /** The error with which the whole batch failed; it waits again then. */
  async #writeBatch(signal: AbortSignal): Promise<RegistryError | undefined> {
    const { registry, clock, writer, onReceipt } = this.#deps;
    const batch = new Map(this.#takeBatch().map((waiting) => [waiting.order.instance.id, waiting]));
    this.#inFlight = batch.size;
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
        if (receipt.kind === 'refused') this.#again(waiting, waiting.refusals + 1);
        onReceipt(waiting.order, receipt);
      }
    } catch (error) {
      if (error instanceof RegistryError) failure = error;
      else if (deadline.expired)
        failure = new RegistryError('unreachable', `registry ${this.#deps.name}: a write hung`);
      else if (!signal.aborted) throw error;
    }
    for (const waiting of batch.values()) this.#again(waiting, waiting.refusals);
    this.#inFlight = 0;
    return failure;
  }

  /** Waits again, unless something newer is wanted by now. */
  #again(waiting: Waiting, refusals: number): void {
    const id = waiting.order.instance.id;
    if (this.#waiting.has(id)) return;
    const delay = refusals === 0 ? 0 : backoffDelay(RETRY, refusals, this.#deps.random());
    this.#waiting.set(id, { order: waiting.order, refusals, notBefore: this.#deps.clock.now() + delay });
  }

  /** Until `ms` are over, an order comes in, or the end. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(ms) ? this.#deps.clock.after(ms, done) : undefined;
      const wake = (this.#wake = done);
      signal.addEventListener('abort', wake, { once: true });
      const self = this;
      function done(): void {
        timer?.[Symbol.dispose]();
        signal.removeEventListener('abort', done);
        self.#wake = undefined;
        resolve();
      }
    });
  }
}
