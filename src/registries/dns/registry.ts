/** The registry `dns`: services are domain names, instances their A, AAAA or SRV records. Nothing is written. */

import { Resolver } from 'node:dns/promises';
import type { Entry } from '../../core/instance.ts';
import { type Registry, type RegistryDeps, RegistryError, type RegistryPlugin } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { type Poll, polled, type Services } from '../shared/polled.ts';
import { type DnsName, type DnsOptions, dnsOptions } from './options.ts';

export const dnsRegistry: RegistryPlugin<DnsOptions> = {
  name: 'dns',
  summary: 'Services are domain names, instances their A, AAAA or SRV records; read only.',
  capabilities: {
    writes: false,
    incarnations: false,
    facts: {
      discovers: 'A, AAAA and SRV records',
      follows: 'poll',
      auth: [],
      tested: ['dnsmasq 2.90'],
      limits: 'no TTL of SRV records; read only',
    },
  },
  options: dnsOptions,
  create: (given, deps) => new DnsRegistry(given, deps),
};

/** Milliseconds: an answer that says 0 s is not asked for without pause. */
const SHORTEST_TTL = 1_000;

interface Answer {
  /** Undefined: there is no such name. */
  readonly entries: readonly Entry[] | undefined;
  /** Milliseconds the answer may be kept, where the records say it. */
  readonly ttl: number | undefined;
}

class DnsRegistry implements Registry {
  readonly batchSize = 1;
  readonly #options: DnsOptions;
  readonly #deps: RegistryDeps;

  constructor(given: DnsOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
  }

  snapshots(signal: AbortSignal): AsyncIterable<Snapshot> {
    return polled((stop) => this.#list(stop), this.#deps.clock, signal);
  }

  /** Half of the answers is no listing: one that fails fails them all. */
  async #list(signal: AbortSignal): Promise<Poll> {
    const { names, poll } = this.#options;
    const answers = await Promise.all(
      names.map(async (name) => ({ name, answer: await this.#ask(name, signal) })),
    );
    const services = new Map<string, { name: Services[number]['name']; entries: Entry[] }>();
    let again = poll;
    for (const { name, answer } of answers) {
      if (answer.ttl !== undefined) again = Math.min(again, Math.max(SHORTEST_TTL, answer.ttl));
      if (answer.entries === undefined) continue;
      const service = { namespace: name.namespace, service: name.service ?? name.name };
      const key = JSON.stringify(service);
      const known = services.get(key) ?? { name: service, entries: [] };
      services.set(key, known);
      // A and AAAA of one service are instances of it; the same address twice is one.
      for (const entry of answer.entries)
        if (!known.entries.some(({ key: other }) => other === entry.key)) known.entries.push(entry);
    }
    for (const { entries } of services.values()) entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { services: [...services.values()], again };
  }

  async #ask(name: DnsName, signal: AbortSignal): Promise<Answer> {
    const { servers, timeout } = this.#options;
    const resolver = new Resolver({ timeout, tries: 1 });
    if (servers !== undefined) resolver.setServers(servers);
    using deadline = this.#deps.clock.deadline(timeout, signal);
    // Its own timeout comes late; an answer that was cancelled rejects with ECANCELLED.
    const cancel = (): void => resolver.cancel();
    deadline.signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      return await recordsOf(resolver, name);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = error as NodeJS.ErrnoException;
      // Answers, and no failures: the name has no such records, or does not exist.
      if (code === 'ENODATA') return { entries: [], ttl: undefined };
      if (code === 'ENOTFOUND') return { entries: undefined, ttl: undefined };
      const what = deadline.expired ? `no answer within ${timeout} ms` : message;
      throw new RegistryError(
        code === 'EREFUSED' ? 'forbidden' : 'unreachable',
        `registry ${this.#deps.name}: ${name.type} ${name.name}: ${what}`,
        { cause: error },
      );
    } finally {
      deadline.signal.removeEventListener('abort', cancel);
    }
  }
}

async function recordsOf(resolver: Resolver, { name, type, port = 0 }: DnsName): Promise<Answer> {
  switch (type) {
    case 'A':
      return addresses(await resolver.resolve4(name, { ttl: true }), port);
    case 'AAAA':
      return addresses(await resolver.resolve6(name, { ttl: true }), port);
    case 'SRV': {
      const records = await resolver.resolveSrv(name);
      // RFC 2782: a target of "." says that the service is decidedly not available here.
      const offered = records.filter((record) => record.name !== '' && record.name !== '.');
      const entries = offered.map((record) => ({
        ...entryOf(record.name, record.port),
        weight: record.weight,
        metadata: { priority: String(record.priority), weight: String(record.weight) },
      }));
      return { entries, ttl: undefined };
    }
    default:
      return type satisfies never;
  }
}

function addresses(records: readonly { address: string; ttl: number }[], port: number): Answer {
  const ttl = records.length === 0 ? undefined : Math.min(...records.map((record) => record.ttl)) * 1_000;
  return { entries: records.map(({ address }) => entryOf(address, port)), ttl };
}

function entryOf(host: string, port: number): Entry {
  return {
    key: formatHostPort(host, port),
    incarnation: '',
    revision: '',
    host,
    port,
    metadata: {},
    enabled: true,
    draining: false,
  };
}
