/**
 * Readings of clusters that many writes wait for together.
 *
 * Nacos answers listings from a view that it makes anew up to half a second after a change (`pushTaskDelay`), also when it
 * has confirmed the change: a reading proves something only if it already shows what was written before it.
 */

import type { Clock } from '../../core/clock.ts';
import { type ClusterPlace, type Host, isSameHost, type NacosApi } from './api.ts';

/** Between two readings of a cluster, milliseconds. */
const PAUSE = 100;

export class Views {
  readonly #api: NacosApi;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #next = new Map<string, Promise<readonly Host[]>>();

  constructor(api: NacosApi, clock: Clock, signal: AbortSignal) {
    this.#api = api;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** The instance as it is told from now on; undefined: it is not there. */
  read(place: ClusterPlace, host: Pick<Host, 'ip' | 'port'>): Promise<Host | undefined> {
    return this.#find(place, host, 0);
  }

  /** As `read`, until the condition holds or the instance is gone, or `patience` milliseconds are over (`late`). */
  async until(
    place: ClusterPlace,
    host: Pick<Host, 'ip' | 'port'>,
    holds: (host: Host) => boolean,
    patience: number,
  ): Promise<{ readonly host: Host | undefined; readonly late: boolean }> {
    const end = this.#clock.now() + patience;
    for (;;) {
      const found = await this.#find(place, host, PAUSE);
      if (found === undefined || holds(found)) return { host: found, late: false };
      if (this.#clock.now() >= end) return { host: found, late: true };
    }
  }

  async #find(
    place: ClusterPlace,
    host: Pick<Host, 'ip' | 'port'>,
    after: number,
  ): Promise<Host | undefined> {
    const found = (await this.#read(place, after)).find((one) => isSameHost(one, host));
    return found === undefined ? undefined : { ...found, cluster: place.cluster };
  }

  /** One reading for all who ask before it is under way. */
  #read(place: ClusterPlace, after: number): Promise<readonly Host[]> {
    const { namespace, group, service, cluster } = place;
    const key = JSON.stringify([namespace, group, service, cluster, after > 0]);
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    const reading = (async () => {
      await this.#clock.sleep(after, this.#signal);
      this.#next.delete(key);
      return this.#api.hosts(place, this.#signal);
    })();
    this.#next.set(key, reading);
    return reading;
  }
}
