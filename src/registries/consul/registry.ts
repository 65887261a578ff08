/** The registry `consul`: services of a catalog, those of external nodes too; health goes into checks. */

import type { Receipt, Registry, RegistryDeps, RegistryPlugin, WriteRequest } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { Agents } from './agents.ts';
import { ConsulApi } from './api.ts';
import { type ConsulOptions, consulOptions } from './options.ts';
import { Reader } from './reader.ts';
import { writeMarks } from './writer.ts';

export const consulRegistry: RegistryPlugin<ConsulOptions> = {
  name: 'consul',
  summary: 'Services of a Consul catalog, those of external nodes too; health goes into checks.',
  capabilities: {
    writes: true,
    incarnations: true,
    facts: {
      discovers: 'the catalog: services of agents, of nodes without one, and external ones',
      follows: 'push',
      writesTo: 'a check of its own, or the checks defined for external nodes',
      auth: ['token', 'client certificate'],
      mapping: { subHealthy: '`warning`', dead: '`critical`' },
      tested: ['Consul 1.22.7, alone, with ACLs, three servers, a client agent'],
      limits: 'where nodes have agents, only through these; polled in turns beyond 64 services',
    },
  },
  options: consulOptions,
  create: (given, deps) => new ConsulRegistry(given, deps),
};

class ConsulRegistry implements Registry {
  readonly batchSize = 64;
  readonly #options: ConsulOptions;
  readonly #api: ConsulApi;
  readonly #agents: Agents;
  readonly #deps: RegistryDeps;
  #reader: Reader | undefined;

  constructor(options: ConsulOptions, deps: RegistryDeps) {
    this.#options = options;
    this.#api = new ConsulApi(options, deps);
    this.#agents = new Agents(options, deps);
    this.#deps = deps;
  }

  snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    this.#reader = new Reader(this.#options, this.#api, this.#deps, this.#reader);
    return this.#reader.snapshots(signal);
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const deps = { options: this.#options, api: this.#api, agents: this.#agents };
    return writeMarks(requests, deps, signal);
  }
}
