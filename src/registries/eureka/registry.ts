/**
 * The registry `eureka`: instances of a Eureka server, followed by its changes; dead ones are taken out by a status override,
 * the mark is in their metadata.
 */

import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { EurekaApi } from './api.ts';
import { type EurekaOptions, eurekaOptions } from './options.ts';
import { Reader } from './reader.ts';
import { writeOne } from './writer.ts';

export const eurekaRegistry: RegistryPlugin<EurekaOptions> = {
  name: 'eureka',
  summary: 'Instances of a Eureka server; dead ones are set OUT_OF_SERVICE, the mark is in their metadata.',
  capabilities: {
    writes: true,
    incarnations: false,
    facts: {
      discovers: 'applications and their instances',
      follows: 'poll',
      writesTo: "the instance's metadata and a status override",
      auth: ['password', 'client certificate'],
      mapping: { subHealthy: '`sub-healthy` in the metadata', dead: 'status `OUT_OF_SERVICE`' },
      tested: ['Eureka 2.0.6 (Spring Cloud Netflix 5.0.3)'],
      limits: 'a change is told when the server renews its cache, after up to 30 s by default',
    },
  },
  options: eurekaOptions,
  create: (given, deps) => new EurekaRegistry(given, deps),
};

class EurekaRegistry implements Registry {
  readonly batchSize = 32;
  readonly renewEvery: number;
  readonly #options: EurekaOptions;
  readonly #deps: RegistryDeps;
  readonly #api: EurekaApi;
  readonly #reader: Reader;

  constructor(options: EurekaOptions, deps: RegistryDeps) {
    this.renewEvery = options.renew;
    this.#options = options;
    this.#deps = deps;
    this.#api = new EurekaApi(options, deps);
    this.#reader = new Reader(options, this.#api, deps);
  }

  snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    return this.#reader.snapshots(signal);
  }

  /** Waits for all of them: one that was still under way could later put an old desire over a newer one. */
  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const { name, clock } = this.#deps;
    const deps = {
      name,
      options: this.#options,
      api: this.#api,
      reader: this.#reader,
      wall: () => clock.wall(),
    };
    const written = await Promise.allSettled(requests.map((request) => writeOne(request, deps, signal)));
    const receipts: Receipt[] = [];
    const failures: unknown[] = [];
    for (const [index, one] of written.entries()) {
      const instance = requests[index]?.instance.id;
      if (one.status === 'fulfilled') receipts.push(one.value);
      else {
        failures.push(one.reason);
        if (one.reason instanceof RegistryError && instance !== undefined)
          receipts.push({ instance, kind: 'refused', detail: one.reason.message });
      }
    }
    // When nothing could be asked it is the registry that failed, not one of the instances.
    const fatal = failures.find((error) => !(error instanceof RegistryError));
    if (failures.length > 0 && (fatal !== undefined || failures.length === requests.length))
      throw fatal ?? failures[0];
    return receipts;
  }
}
