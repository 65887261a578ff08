/**
 * Writes marks and values into Nacos. Every change is announced, seen, carried out, sealed and read back: an answer of
 * 200 says nothing here (`HealthOperatorV2Impl` answers ok for instances that do not exist).
 */

import { randomBytes } from 'node:crypto';
import type { Receipt, RegistryDeps, WriteRequest } from '../../core/registry.ts';
import { RegistryError } from '../../core/registry.ts';
import type { ClusterPlace, Host, NacosApi, Values } from './api.ts';
import { restoreChecker, switchedOff } from './checkers.ts';
import { clusterOf, placeOf } from './names.ts';
import type { NacosOptions } from './options.ts';
import {
  announcement,
  type Decision,
  decide,
  haveValues,
  isReached,
  standingIn,
  type Target,
} from './standing.ts';
import { Views } from './views.ts';

/** Tries against providers that register again meanwhile. */
const TRIES = 3;
/** How long a view is waited for, milliseconds; it follows within half a second on a server that is well. */
const PATIENCE = 4_000;

export interface WriterDeps {
  readonly api: NacosApi;
  readonly options: NacosOptions;
  readonly clock: RegistryDeps['clock'];
  /** Whether the health call of this server works, as far as it is known; shared between batches. */
  readonly healthCall: { broken: boolean };
  /** The registry says so already, without a mark. */
  readonly onAsRegistered: (request: WriteRequest) => void;
}

type Outcome = Omit<Receipt, 'instance'>;
/** It did not come to pass; it is tried again from a new reading. */
interface Retry {
  readonly retry: string;
}

const UNSEEN: Retry = { retry: 'the registry took the write but does not show it' };

export class Writer {
  readonly #deps: WriterDeps;
  readonly #views: Views;
  readonly #signal: AbortSignal;
  /** Clusters that something was released in. */
  readonly #released = new Map<string, ClusterPlace>();
  readonly #checkers = new Map<string, Promise<string | undefined>>();

  constructor(deps: WriterDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#views = new Views(deps.api, deps.clock, signal);
  }

  /** One receipt for each request, or the failure that left it open. */
  async write(requests: readonly WriteRequest[]): Promise<readonly (Receipt | RegistryError)[]> {
    const done = await Promise.all(
      requests.map(async (request) => {
        try {
          return { ...(await this.#writeOne(request)), instance: request.instance.id };
        } catch (error) {
          this.#signal.throwIfAborted();
          if (error instanceof RegistryError) return error;
          throw error;
        }
      }),
    );
    for (const place of this.#released.values()) {
      const hosts = await this.#deps.api.hosts(place, this.#signal);
      await restoreChecker(this.#deps.api, place, hosts, this.#deps.options.markKey, this.#signal);
    }
    return done;
  }

  async #writeOne(request: WriteRequest): Promise<Outcome> {
    const { options } = this.#deps;
    const { instance, desired } = request;
    const cluster = clusterOf(instance.key);
    const place = { ...placeOf(instance, options.namespaces), cluster };
    const address = { ip: instance.host, port: instance.port };
    let detail = '';
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const host = await this.#views.read(place, address);
      if (host === undefined) return { kind: 'gone' };
      const decision = decide(request, host, options);
      if (decision.kind !== 'store') return this.#settle(request, decision);
      const { target } = decision;
      if (desired.kind === 'release') this.#released.set(JSON.stringify(place), place);
      const outcome = haveValues(host, target)
        ? await this.#seal(place, host, target)
        : await this.#change(request, place, host, target);
      if ('kind' in outcome) return outcome;
      detail = outcome.retry;
    }
    return { kind: 'refused', detail };
  }

  #settle(request: WriteRequest, decision: Exclude<Decision, { kind: 'store' }>): Outcome {
    if (decision.kind === 'as-registered') {
      this.#deps.onAsRegistered(request);
      return { kind: 'unchanged' };
    }
    const { receipt, detail } = decision;
    return { kind: receipt, ...(detail === undefined ? {} : { detail }) };
  }

  /** Announces the change, and carries it out once the view shows the announcement: nothing older is hidden any more. */
  async #change(
    request: WriteRequest,
    place: ClusterPlace,
    host: Host,
    target: Target,
  ): Promise<Outcome | Retry> {
    const { api, options } = this.#deps;
    const key = options.markKey;
    if (target.healthy !== undefined && target.healthy !== host.healthy) {
      const reason = await this.#whyNoHealth(place);
      if (reason !== undefined) return { kind: 'refused', detail: reason };
    }
    const { text, before: kept } = standingIn(host, key);
    // The first of all metadata put over an instance puts weight 1 and enabled over it as well.
    if (text === undefined && (host.weight !== 1 || !host.enabled))
      if (!(await api.setValues(place, host, host, this.#signal))) return this.#goneOrLater(place, host);
    const nonce = randomBytes(6).toString('base64url');
    const announced = announcement(target, kept, nonce, host, request);
    if (!(await api.setMetadata(place, host, { key, value: announced }, this.#signal)))
      return this.#goneOrLater(place, host);
    const { host: seen, late } = await this.#views.until(
      place,
      host,
      ({ metadata }) => metadata[key] === announced,
      PATIENCE,
    );
    if (seen === undefined) return { kind: 'gone' };
    if (late) return UNSEEN;
    // What stands there beside our announcement, read past every cache.
    const metadata = { ...seen.metadata, [key]: kept ?? '' };
    const again = decide(request, { ...seen, metadata }, options);
    if (again.kind !== 'store' || !isSameTarget(again.target, target)) {
      await api.setMetadata(place, seen, { key, value: kept }, this.#signal);
      return again.kind === 'store'
        ? { retry: 'it changed while it was being written' }
        : this.#settle(request, again);
    }
    // The health first: it may be refused, and then nothing has changed.
    if (target.healthy !== undefined && target.healthy !== seen.healthy) {
      const refusal = await this.#setHealth(place, seen, target.healthy, metadata);
      if (refusal !== undefined) {
        await api.setMetadata(place, seen, { key, value: kept }, this.#signal);
        return refusal;
      }
    }
    if (!(await this.#setValues(place, seen, target))) return this.#goneOrLater(place, seen);
    return this.#seal(place, seen, target);
  }

  /** The mark as it stays, and the reading that proves it all. */
  async #seal(place: ClusterPlace, host: Host, target: Target): Promise<Outcome | Retry> {
    const { api, options } = this.#deps;
    const value = target.record === undefined ? undefined : JSON.stringify(target.record);
    await api.setMetadata(place, host, { key: options.markKey, value }, this.#signal);
    const { host: seen, late } = await this.#views.until(
      place,
      host,
      (found) => isReached(found, target, options.markKey),
      PATIENCE,
    );
    if (seen === undefined) return { kind: 'gone' };
    return late ? UNSEEN : { kind: 'written' };
  }

  async #setValues(place: ClusterPlace, host: Host, values: Values): Promise<boolean> {
    const { weight, enabled } = values;
    if (host.weight === weight && host.enabled === enabled) return true;
    return this.#deps.api.setValues(place, host, { weight, enabled }, this.#signal);
  }

  /** Undefined: it was taken; the view will show whether it was also done. */
  async #setHealth(
    place: ClusterPlace,
    host: Host,
    healthy: boolean,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Outcome | Retry | undefined> {
    const { api, options, healthCall } = this.#deps;
    if (!healthCall.broken) {
      const { answer, said } = await api.setHealth(place, host, healthy, this.#signal);
      if (answer === 'taken') return undefined;
      if (answer === 'checking') {
        this.#checkers.clear();
        return { retry: said };
      }
      healthCall.broken = true;
    }
    if (!options.reregister)
      return {
        kind: 'refused',
        detail:
          'the health call of this release of Nacos never works, and `reregister: false` forbids the other way',
      };
    // What is registered again comes back to life: that it is alive is asked past the view.
    if ((await api.isRegistered(place, host, this.#signal)) === false) return { kind: 'gone' };
    const { [options.markKey]: _, ...own } = metadata;
    const was = standingIn({ ...host, metadata }, options.markKey).own;
    await api.register(place, { ...host, ...was, healthy, metadata: own }, this.#signal);
    return undefined;
  }

  #whyNoHealth(place: ClusterPlace): Promise<string | undefined> {
    const key = JSON.stringify(place);
    const known = this.#checkers.get(key);
    if (known !== undefined) return known;
    const asked = switchedOff(this.#deps.api, place, this.#deps.options, this.#signal);
    this.#checkers.set(key, asked);
    return asked;
  }

  /** Nacos knows nothing of it: it has left, or the view is behind. */
  async #goneOrLater(place: ClusterPlace, host: Host): Promise<Outcome | Retry> {
    const { late } = await this.#views.until(place, host, () => false, PATIENCE / 4);
    return late ? UNSEEN : { kind: 'gone' };
  }
}

function isSameTarget(a: Target, b: Target): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
