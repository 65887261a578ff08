/** The registry `redis`: instances are keys with a TTL; SCAN is the truth about them, keyspace events are hints. */

import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { KeyPattern } from './key-pattern.ts';
import { type RedisOptions, redisOptions } from './options.ts';
import { Reader } from './reader.ts';
import { Servers } from './servers.ts';
import { writeMarks } from './writer.ts';

export const redisRegistry: RegistryPlugin<RedisOptions> = {
  name: 'redis',
  summary:
    'Instances are keys with a TTL in a Redis (standalone, Sentinel, Cluster); health goes into the same key.',
  capabilities: {
    writes: true,
    incarnations: true,
    facts: {
      discovers: 'keys of a pattern: hashes, JSON or the key alone',
      follows: 'hints',
      writesTo: 'the same key, by comparing on the server',
      auth: ['password', 'client certificate'],
      mapping: { subHealthy: '`sub-healthy` in the value', dead: '`dead` in the value' },
      tested: ['Redis 7.0.15, alone, with Sentinel, as a cluster'],
      limits: 'health is gone with a key that expires; keys alone cannot be written',
    },
  },
  options: redisOptions,
  create: (given, deps) => new RedisRegistry(given, deps),
};

class RedisRegistry implements Registry {
  readonly batchSize = 128;
  readonly #options: RedisOptions;
  readonly #pattern: KeyPattern;
  readonly #servers: Servers;
  readonly #reader: Reader;

  constructor(options: RedisOptions, deps: RegistryDeps) {
    this.#options = options;
    const { namespace, service = '' } = options;
    this.#pattern = new KeyPattern(options.pattern, { namespace, service });
    this.#servers = new Servers(options, deps);
    this.#reader = new Reader(options, this.#pattern, this.#servers, deps);
  }

  snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    return this.#reader.snapshots(signal);
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const deps = { options: this.#options, pattern: this.#pattern, servers: this.#servers };
    const outcomes = await writeMarks(requests, deps, signal);
    const failures = outcomes.filter((outcome) => outcome instanceof RegistryError);
    // When nothing could be asked it is the registry that failed, not one of the instances.
    if (failures[0] !== undefined && failures.length === outcomes.length) throw failures[0];
    return outcomes.map((outcome, index): Receipt => {
      if (!(outcome instanceof RegistryError)) return outcome;
      return { instance: requestAt(requests, index).instance.id, kind: 'refused', detail: outcome.message };
    });
  }
}

function requestAt(requests: readonly WriteRequest[], index: number): WriteRequest {
  const request = requests[index];
  if (request === undefined) throw new Error('there is an outcome for each request');
  return request;
}
