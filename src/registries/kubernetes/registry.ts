/** The registry `kubernetes`: endpoints of Services or Pods, by our own list and watch; health goes to Pods and slices. */

import type { ServiceName } from '../../core/instance.ts';
import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { type Backoff, backoffDelay } from '../../lib/backoff.ts';
import { serviceKey, Told } from '../shared/told.ts';
import { type Collection, KubernetesApi } from './api.ts';
import { entriesOf } from './entries.ts';
import { Events } from './events.ts';
import { follow, Shelf } from './follow.ts';
import { POD, SLICE } from './names.ts';
import { type KubernetesOptions, kubernetesOptions } from './options.ts';
import { type WriterDeps, writeCondition } from './pod-writer.ts';
import { writeSlice } from './slice-writer.ts';
import { View } from './view.ts';

export const kubernetesRegistry: RegistryPlugin<KubernetesOptions> = {
  name: 'kubernetes',
  summary:
    'Endpoints of Services, or Pods; health goes to readiness gates and to EndpointSlices handed to sonde.',
  capabilities: {
    writes: true,
    incarnations: true,
    facts: {
      discovers: 'EndpointSlices and the Pods behind them, or Pods by label',
      follows: 'push',
      writesTo: 'a condition of the Pod for its readiness gate; EndpointSlices handed to sonde; Events',
      auth: ['token', 'client certificate'],
      mapping: {
        subHealthy: 'condition True, reason `SubHealthy`; endpoint ready',
        dead: 'condition False, reason `Dead`; endpoint not ready',
      },
      tested: ['kube-apiserver 1.36.3 on etcd 3.4.23'],
      limits: 'no weights; a Pod needs the readiness gate from its creation; no exec plugins of a kubeconfig',
    },
  },
  options: kubernetesOptions,
  create: (given, deps) => new KubernetesRegistry(given, deps),
};

/** Between a lost watch and the next listing, and longer each time that it was lost again soon: a listing is dear. */
const RELIST: Backoff = { base: 500, cap: 8_000 };
/** A watch that lasted this long was no failure, milliseconds. */
const LASTED = 30_000;

class KubernetesRegistry implements Registry {
  readonly batchSize = 64;
  readonly #options: KubernetesOptions;
  readonly #deps: RegistryDeps;
  readonly #api: KubernetesApi;
  readonly #events: Events | undefined;
  /** As last listed and followed. */
  #view: View | undefined;
  /** Services with endpoints that have no known port: each is said once. */
  readonly #portless = new Set<string>();

  constructor(given: KubernetesOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
    this.#api = new KubernetesApi(given, deps);
    this.#events = given.events ? new Events(this.#api, deps) : undefined;
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    signal.throwIfAborted();
    const told = new Told();
    const { clock } = this.#deps;
    for (let lost = 0; ; ) {
      const { view, shelves } = await this.#list(signal);
      const listed = clock.now();
      this.#view = view;
      yield* this.#tell([...view.services(), ...told.names()], view, told);
      yield { kind: 'synced' };
      for await (const news of follow(shelves, view, this.#api, clock, signal)) {
        yield* this.#tell(news.touched, view, told);
        if (news.confirmed) yield { kind: 'synced' };
      }
      lost = clock.now() - listed < LASTED ? lost + 1 : 1;
      await clock.sleep(backoffDelay(RELIST, lost, Math.random()), signal);
    }
  }

  /** Waits for all of them: one that was still under way could later put an old desire over a newer one. */
  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const { clock } = this.#deps;
    const deps = { options: this.#options, api: this.#api, clock, events: this.#events, view: this.#view };
    const jobs = jobsOf(requests, deps, signal);
    const done = await Promise.allSettled(jobs.map(({ receipts }) => receipts));
    const failures = done.flatMap((one, index) =>
      one.status === 'rejected' ? [{ error: one.reason as unknown, about: jobs[index]?.requests ?? [] }] : [],
    );
    // When nothing could be asked it is the registry that failed, not one of the instances.
    const fatal = failures.find(({ error }) => !(error instanceof RegistryError));
    const failed = failures.reduce((sum, { about }) => sum + about.length, 0);
    if (fatal !== undefined || (failed > 0 && failed === requests.length))
      throw (fatal ?? failures[0])?.error;
    const refused = failures.flatMap(({ error, about }) =>
      about.map(({ instance: { id } }): Receipt => {
        return { instance: id, kind: 'refused', detail: error instanceof Error ? error.message : '' };
      }),
    );
    return [...done.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])), ...refused];
  }

  async #list(signal: AbortSignal): Promise<{ view: View; shelves: readonly Shelf[] }> {
    const view = new View(this.#options);
    const shelves: Shelf[] = [];
    // Pods last: what they are is known by the slices that name them.
    for (const collection of collectionsOf(this.#options)) {
      const listing = await this.#api.list(collection, signal);
      for (const thing of listing.things) view.put(thing);
      shelves.push(new Shelf(collection, listing));
    }
    return { view, shelves };
  }

  *#tell(names: Iterable<ServiceName>, view: View, told: Told): Generator<Snapshot> {
    for (const name of new Map([...names].map((name) => [serviceKey(name), name])).values()) {
      const found = entriesOf(view, name, this.#options);
      if (found !== undefined && found.portless > 0) this.#sayPortless(name);
      yield* told.tell(name, found?.entries);
    }
  }

  #sayPortless(service: ServiceName): void {
    if (this.#portless.has(serviceKey(service))) return;
    this.#portless.add(serviceKey(service));
    this.#deps.log.warn('Endpoints without the port that is looked at are left out', {
      registry: this.#deps.name,
      ...service,
      port: this.#options.port ?? 'the first',
    });
  }
}

function collectionsOf(options: KubernetesOptions): readonly Collection[] {
  const { source, selector, podSelector, pods, namespaces } = options;
  const places: readonly (string | undefined)[] = namespaces ?? [undefined];
  const all = (kind: Collection['kind'], by: string | undefined): readonly Collection[] =>
    places.map((namespace) => ({ kind, namespace, selector: by }));
  if (source === 'pods') return all('Pod', selector);
  return [...all('EndpointSlice', selector), ...(pods ? all('Pod', podSelector) : [])];
}

interface Job {
  readonly requests: readonly WriteRequest[];
  readonly receipts: Promise<readonly Receipt[]>;
}

/** One for each Pod, and one for each slice with all that is to be written there. */
function jobsOf(requests: readonly WriteRequest[], deps: WriterDeps, signal: AbortSignal): readonly Job[] {
  const jobs: Job[] = [];
  const bySlice = new Map<string, WriteRequest[]>();
  for (const request of requests) {
    const { id, namespace, metadata } = request.instance;
    const slice = metadata[SLICE];
    const pod = metadata[POD];
    if (slice !== undefined) {
      const key = `${namespace}/${slice}`;
      bySlice.set(key, [...(bySlice.get(key) ?? []), request]);
    } else if (pod !== undefined && deps.options.pods) {
      const receipt = writeCondition(request, pod, deps, signal);
      jobs.push({ requests: [request], receipts: receipt.then((one) => [one]) });
    } else {
      const detail =
        pod === undefined
          ? 'neither a Pod nor in an EndpointSlice that was handed to sonde'
          : 'a Pod, and pods is false';
      jobs.push({
        requests: [request],
        receipts: Promise.resolve([{ instance: id, kind: 'refused', detail }]),
      });
    }
  }
  for (const [key, ours] of bySlice) {
    const [namespace = '', name = ''] = key.split('/');
    jobs.push({ requests: ours, receipts: writeSlice(ours, namespace, name, deps, signal) });
  }
  return jobs;
}
