/** Follows one registry for ever: opens it, passes on what it tells, doubts what shrinks, comes back after a failure. */

import type { Clock } from '../core/clock.ts';
import type { Entry, ServiceName } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import { type Registry, RegistryError } from '../core/registry.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import { serviceKey } from './roster.ts';

export interface DiscoverDeps {
  readonly name: string;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Where the news go. Called synchronously, in order. */
export interface DiscoverHandlers {
  /** Instances known of the service, or of the whole registry. */
  known(service?: ServiceName): number;
  services(): readonly ServiceName[];
  apply(service: ServiceName, entries: readonly Entry[]): void;
  synced(notices: readonly string[]): void;
  failed(error: RegistryError): void;
}

const RETRY: Backoff = { base: 500, cap: 15_000 };
/** A registry must confirm itself every 10 s; three missed confirmations are silence. */
const SILENCE = 30_000;
/** A second listing that shall confirm a loss is not made in the same breath. */
const SECOND_LOOK = 1_000;

/** Returns when aborted. */
export async function discover(
  deps: DiscoverDeps,
  handlers: DiscoverHandlers,
  signal: AbortSignal,
): Promise<void> {
  const follower = new Follower(deps, handlers);
  let failures = 0;
  while (!signal.aborted) {
    try {
      await follower.follow(() => {
        failures = 0;
      }, signal);
      await deps.clock.sleep(SECOND_LOOK, signal);
    } catch (error) {
      if (isAborted(signal)) return;
      if (!(error instanceof RegistryError)) throw error;
      failures++;
      handlers.failed(error);
      const wait = backoffDelay(RETRY, failures, deps.random());
      if (failures === 1) {
        deps.log.warn('Registry failed; what was known of it stays', {
          registry: deps.name,
          code: error.code,
          error: error.message,
        });
      }
      await deps.clock.sleep(wait, signal).catch(() => undefined);
    }
  }
}

class Follower {
  readonly #deps: DiscoverDeps;
  readonly #handlers: DiscoverHandlers;
  /** Losses seen once, by service; a second listing that shows them again is believed. */
  readonly #doubted = new Set<string>();

  constructor(deps: DiscoverDeps, handlers: DiscoverHandlers) {
    this.#deps = deps;
    this.#handlers = handlers;
  }

  /** Follows one opening of the registry; returns when a second listing is wanted. */
  async follow(answered: () => void, signal: AbortSignal): Promise<void> {
    const opening = new AbortController();
    const onAbort = (): void => opening.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let watchdog = this.#watch(opening);
    let first: Map<string, Snapshot & ServiceName> | undefined = new Map();
    try {
      for await (const snapshot of this.#deps.registry.snapshots(opening.signal)) {
        if (snapshot.kind !== 'synced') {
          if (first !== undefined) first.set(serviceKey(snapshot), snapshot);
          else if (!this.#take(snapshot)) return;
          continue;
        }
        watchdog[Symbol.dispose]();
        watchdog = this.#watch(opening);
        answered();
        if (first !== undefined && !this.#takeListing(first)) return;
        first = undefined;
        this.#handlers.synced(snapshot.notices ?? []);
      }
    } finally {
      watchdog[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      opening.abort(new Error('closed'));
    }
    signal.throwIfAborted();
    throw new RegistryError('protocol', `registry ${this.#deps.name}: ended its snapshots`);
  }

  /** A registry that neither tells nor fails is as good as gone. */
  #watch(opening: AbortController): Disposable {
    return this.#deps.clock.after(SILENCE, () =>
      opening.abort(
        new RegistryError('unreachable', `registry ${this.#deps.name}: silent for ${SILENCE / 1000} s`),
      ),
    );
  }

  /** The first listing of an opening: services that it did not tell are gone. False when it must be confirmed. */
  #takeListing(listing: ReadonlyMap<string, Snapshot & ServiceName>): boolean {
    const losses: ServiceName[] = [];
    let total = 0;
    for (const snapshot of listing.values()) {
      const size = snapshot.kind === 'service' ? snapshot.entries.length : 0;
      total += size;
      if (shrinks(this.#handlers.known(snapshot), size)) losses.push(snapshot);
    }
    const missing = this.#handlers.services().filter((service) => !listing.has(serviceKey(service)));
    losses.push(...missing);
    if (shrinks(this.#handlers.known(), total)) losses.push(WHOLE_REGISTRY);
    if (!this.#believed(losses)) return false;
    for (const snapshot of listing.values()) {
      this.#handlers.apply(snapshot, snapshot.kind === 'service' ? snapshot.entries : []);
    }
    for (const service of missing) this.#handlers.apply(service, []);
    this.#doubted.clear();
    return true;
  }

  #take(snapshot: Snapshot & ServiceName): boolean {
    const entries = snapshot.kind === 'service' ? snapshot.entries : [];
    if (shrinks(this.#handlers.known(snapshot), entries.length) && !this.#believed([snapshot])) return false;
    this.#handlers.apply(snapshot, entries);
    return true;
  }

  /** True if every loss was seen before; else they are doubted, and a second listing is wanted. */
  #believed(losses: readonly ServiceName[]): boolean {
    const fresh = losses.filter((loss) => !this.#doubted.has(serviceKey(loss)));
    for (const loss of fresh) this.#doubted.add(serviceKey(loss));
    if (fresh.length > 0) {
      this.#deps.log.info('Many instances disappeared; listing a second time before forgetting them', {
        registry: this.#deps.name,
        services: fresh.filter((loss) => loss !== WHOLE_REGISTRY).length,
      });
    }
    return fresh.length === 0;
  }
}

/** Stands for the registry as a whole among the doubted. */
const WHOLE_REGISTRY: ServiceName = { namespace: '', service: '' };

/** More than half are missing. */
function shrinks(before: number, after: number): boolean {
  return before - after > before / 2;
}

/** Asked anew after an await: the type checker believes what it saw before. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
