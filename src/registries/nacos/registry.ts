/** The registry `nacos`: Nacos 1.4, 2 and 3 over HTTP, listed whole, written by health, enabled, weight and metadata. */

import type { FoundMark } from '../../core/instance.ts';
import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { serviceKey } from '../shared/told.ts';
import type { Host, NacosApi } from './api.ts';
import { detectApi } from './detect.ts';
import { type NacosOptions, nacosOptions } from './options.ts';
import { Reader } from './reader.ts';
import { Session } from './session.ts';
import { Writer } from './writer.ts';

export const nacosRegistry: RegistryPlugin<NacosOptions> = {
  name: 'nacos',
  summary: 'Nacos 1.4, 2 and 3; health goes into healthy or enabled, weight and metadata of the instances.',
  capabilities: {
    writes: true,
    incarnations: false,
    facts: {
      discovers: 'all namespaces, groups and clusters, disabled instances too',
      follows: 'poll',
      writesTo: '`healthy` or `enabled`, `weight` and a key of the metadata, read back',
      auth: ['password', 'token', 'client certificate'],
      mapping: {
        subHealthy: 'weight × 0.3',
        dead: 'persistent: `healthy=false`; ephemeral: `enabled=false`',
      },
      tested: ['Nacos 2.5.0', '3.1.0', '3.1.0 with the health fix of 3.2'],
      limits: 'no compare-and-swap; 1.4 by its documented answers only',
    },
  },
  options: nacosOptions,
  create: (given, deps) => new NacosRegistry(given, deps),
};

class NacosRegistry implements Registry {
  /** A batch takes about a second, however many there are: the view of Nacos is waited for. */
  readonly batchSize = 256;
  readonly #options: NacosOptions;
  readonly #deps: RegistryDeps;
  readonly #session: Session;
  readonly #reader: Reader;
  readonly #healthCall = { broken: false };
  /** Instances that are healthy as they registered and need no mark to say so, by service and key. */
  readonly #unmarked = new Map<string, FoundMark>();
  #api: NacosApi | undefined;

  constructor(options: NacosOptions, deps: RegistryDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#session = new Session(options, deps);
    this.#reader = new Reader(options, {
      ...deps,
      detect: (signal) => this.#detect(signal),
      unmarked: (service, key, host) => this.#unmarkedOf(service, key, host),
    });
  }

  snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    return this.#reader.snapshots(signal);
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const { clock } = this.#deps;
    const api = this.#api ?? (await this.#detect(signal));
    for (const { instance } of requests)
      this.#unmarked.delete(unmarkedKey(serviceKey(instance), instance.key));
    const onAsRegistered = (request: WriteRequest): void => this.#remember(request);
    const deps = { api, options: this.#options, clock, healthCall: this.#healthCall, onAsRegistered };
    const outcomes = await new Writer(deps, signal).write(requests);
    const failures = outcomes.filter((outcome) => outcome instanceof RegistryError);
    // When nothing could be asked it is the registry that failed, not one of the instances.
    if (failures[0] !== undefined && failures.length === outcomes.length) throw failures[0];
    return outcomes.map((outcome, index): Receipt => {
      if (!(outcome instanceof RegistryError)) return outcome;
      return { instance: requestAt(requests, index).instance.id, kind: 'refused', detail: outcome.message };
    });
  }

  async #detect(signal: AbortSignal): Promise<NacosApi> {
    const api = await detectApi(this.#session, this.#deps.name, signal);
    // Another release may be there since.
    this.#healthCall.broken = false;
    this.#api = api;
    return api;
  }

  #remember({ instance, desired, writer }: WriteRequest): void {
    if (desired.kind === 'release') return;
    const { health, reason, since } = desired;
    const mark = { health, reason, since, writer, version: 1, original: {}, intact: true };
    this.#unmarked.set(unmarkedKey(serviceKey(instance), instance.key), mark);
  }

  #unmarkedOf(service: string, key: string, host: Host): FoundMark | undefined {
    const mark = this.#unmarked.get(unmarkedKey(service, key));
    // A persistent instance that is unhealthy by now needs to be written.
    return host.ephemeral === false && !host.healthy ? undefined : mark;
  }
}

function unmarkedKey(service: string, key: string): string {
  return `${service} ${key}`;
}

function requestAt(requests: readonly WriteRequest[], index: number): WriteRequest {
  const request = requests[index];
  if (request === undefined) throw new Error('there is an outcome for each request');
  return request;
}
