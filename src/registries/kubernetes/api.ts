/** What sonde asks of the apiserver: paged lists, watches, single objects, patches and Events. */

import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { RegistryError } from '../../core/registry.ts';
import { type ConnectionDeps, Connections, statusOf } from './connections.ts';
import { codeOf } from './failure.ts';
import {
  decodePod,
  decodeSlice,
  decodeThing,
  type EndpointSlice,
  type Pod,
  parsedJson,
  type Thing,
} from './objects.ts';
import type { KubernetesOptions } from './options.ts';

/** All objects of one kind, of one namespace or of the cluster, as far as the selector takes them. */
export interface Collection {
  readonly kind: Thing['kind'];
  readonly namespace: string | undefined;
  readonly selector: string | undefined;
}

export interface Listing {
  readonly things: readonly Thing[];
  /** At which all of them were read; opaque. */
  readonly resourceVersion: string;
}

export type Change =
  | { readonly kind: 'put' | 'delete'; readonly thing: Thing }
  /** Nothing happened up to here. */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

/** The apiserver no longer knows what happened since: a listing must come first. */
export const EXPIRED = 'expired';

/** Objects asked for at once, as client-go's pager does. */
const PAGE = 500;
/** Listings that may come apart because their pages were compacted away, before it is told. */
const LISTINGS = 3;
/** Seconds after which the apiserver ends a watch, spread so that many do not come again together (client-go: 5 to 10 min). */
const LEAST = 300;
const MOST = 600;

const page = z.object({
  metadata: z.object({
    resourceVersion: z.string().min(1),
    continue: z.string().default(''),
    remainingItemCount: z.number().optional(),
  }),
  items: z
    .array(z.unknown())
    .nullable()
    .transform((items) => items ?? []),
});

const watchEvent = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});
const bookmark = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });
const errorStatus = z.object({ code: z.number().default(500), message: z.string().default('no message') });

export type PatchType = 'application/strategic-merge-patch+json' | 'application/json-patch+json';

export class KubernetesApi {
  readonly #name: string;
  readonly #connections: Connections;

  constructor(options: KubernetesOptions, deps: ConnectionDeps) {
    this.#name = deps.name;
    this.#connections = new Connections(options, deps);
  }

  /** All of them at one moment, the present one, page by page. */
  async list(collection: Collection, signal: AbortSignal): Promise<Listing> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pages(collection, signal);
      } catch (error) {
        // A page that was compacted away before it was asked for: what was read is of no use without it.
        if (statusOf(error) !== 410 || attempt === LISTINGS) throw error;
      }
    }
  }

  /** How many there are, undefined where the apiserver does not say; also a sign of life, and that it is still allowed. */
  async count(collection: Collection, signal: AbortSignal): Promise<number | undefined> {
    // Without the selector: with one, the apiserver does not tell, and may have to read all to find one.
    const path = pathOf({ ...collection, selector: undefined }, { limit: '1' });
    const { metadata, items } = await this.#page(collection.kind, path, signal);
    const rest = metadata.continue === '' ? 0 : metadata.remainingItemCount;
    return collection.selector === undefined && rest !== undefined ? items.length + rest : undefined;
  }

  /**
   * Changes from that version on, together as they arrived; ends when the apiserver ends it, when the connection breaks, when
   * nothing came for `silence` milliseconds, or after `EXPIRED`. Throws `RegistryError` when it was not answered.
   */
  async *watch(
    collection: Collection,
    from: string,
    silence: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Change[] | typeof EXPIRED> {
    const path = pathOf(collection, {
      watch: '1',
      resourceVersion: from,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(randomInt(LEAST, MOST + 1)),
    });
    try {
      for await (const lines of this.#connections.lines(path, silence, signal)) {
        const changes: Change[] = [];
        for (const line of lines) {
          const change = this.#change(collection.kind, path, line);
          if (change === EXPIRED) {
            if (changes.length > 0) yield changes;
            yield EXPIRED;
            return;
          }
          changes.push(change);
        }
        yield changes;
      }
    } catch (error) {
      if (statusOf(error) !== 410) throw error;
      yield EXPIRED;
    }
  }

  /** Undefined where there is none. */
  async getPod(namespace: string, name: string, signal: AbortSignal): Promise<Pod | undefined> {
    return this.#get(objectPath('Pod', namespace, name), decodePod, signal);
  }

  async getSlice(namespace: string, name: string, signal: AbortSignal): Promise<EndpointSlice | undefined> {
    return this.#get(objectPath('EndpointSlice', namespace, name), decodeSlice, signal);
  }

  /** `conflict`: it is no longer what it was, or another of the same name; `gone`: there is none. */
  async patch(
    path: string,
    contentType: PatchType,
    body: object,
    signal: AbortSignal,
  ): Promise<'done' | 'conflict' | 'gone'> {
    const query = new URLSearchParams({ fieldManager: 'sonde' });
    try {
      const call = {
        method: 'PATCH',
        path: `${path}?${query.toString()}`,
        body: JSON.stringify(body),
        contentType,
      } as const;
      await this.#connections.ask(call, signal);
      return 'done';
    } catch (error) {
      const status = statusOf(error);
      if (status === 409) return 'conflict';
      if (status === 404) return 'gone';
      throw error;
    }
  }

  async createEvent(namespace: string, event: object, signal: AbortSignal): Promise<void> {
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const body = JSON.stringify(event);
    const call = { method: 'POST', path, body, contentType: 'application/json', aside: true } as const;
    await this.#connections.ask(call, signal);
  }

  async #pages(collection: Collection, signal: AbortSignal): Promise<Listing> {
    const things: Thing[] = [];
    for (let next = ''; ; ) {
      const path = pathOf(collection, { limit: String(PAGE), ...(next === '' ? {} : { continue: next }) });
      const { metadata, items } = await this.#page(collection.kind, path, signal);
      for (const item of items) {
        const thing = decodeThing(collection.kind, item);
        if (thing === undefined) throw this.#error(path, `an item that is no ${collection.kind}`);
        things.push(thing);
      }
      next = metadata.continue;
      // All pages of a listing are of one version.
      if (next === '') return { things, resourceVersion: metadata.resourceVersion };
    }
  }

  async #page(kind: Thing['kind'], path: string, signal: AbortSignal): Promise<z.output<typeof page>> {
    const answer = parsedJson(await this.#connections.ask({ method: 'GET', path }, signal));
    const decoded = page.extend({ kind: z.literal(`${kind}List`) }).safeParse(answer);
    if (!decoded.success) throw this.#error(path, `an answer that is no ${kind}List`);
    return decoded.data;
  }

  async #get<T>(
    path: string,
    decode: (value: unknown) => T | undefined,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    let text: string;
    try {
      text = await this.#connections.ask({ method: 'GET', path }, signal);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
    const decoded = decode(parsedJson(text));
    if (decoded === undefined) throw this.#error(path, 'an answer that is not the object');
    return decoded;
  }

  #change(kind: Thing['kind'], path: string, line: string): Change | typeof EXPIRED {
    const event = watchEvent.safeParse(parsedJson(line)).data;
    if (event === undefined) throw this.#error(path, 'a line that is no event of a watch');
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED': {
        const thing = decodeThing(kind, event.object);
        if (thing === undefined) throw this.#error(path, `an event that is about no ${kind}`);
        return { kind: event.type === 'DELETED' ? 'delete' : 'put', thing };
      }
      case 'BOOKMARK': {
        const decoded = bookmark.safeParse(event.object).data;
        if (decoded === undefined) throw this.#error(path, 'a bookmark without a version');
        return { kind: 'bookmark', resourceVersion: decoded.metadata.resourceVersion };
      }
      case 'ERROR': {
        const { code, message } = errorStatus.safeParse(event.object).data ?? { code: 500, message: '' };
        if (code === 410) return EXPIRED;
        throw new RegistryError(
          codeOf(code),
          `registry ${this.#name}: ${path}: the watch failed: ${message}`,
        );
      }
      default:
        return event.type satisfies never;
    }
  }

  #error(path: string, message: string): RegistryError {
    return new RegistryError('protocol', `registry ${this.#name}: ${path}: ${message}`);
  }
}

function pathOf({ kind, namespace, selector }: Collection, query: Readonly<Record<string, string>>): string {
  const { group, plural } = RESOURCES[kind];
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const all = { ...query, ...(selector === undefined ? {} : { labelSelector: selector }) };
  return `${group}${within}/${plural}?${new URLSearchParams(all).toString()}`;
}

export function objectPath(kind: Thing['kind'], namespace: string, name: string): string {
  const { group, plural } = RESOURCES[kind];
  return `${group}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;
}

const RESOURCES = {
  Pod: { group: '/api/v1', plural: 'pods' },
  EndpointSlice: { group: '/apis/discovery.k8s.io/v1', plural: 'endpointslices' },
} as const;
