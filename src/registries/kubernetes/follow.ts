/** Keeps a view as the cluster is: watches each collection, and asks every few seconds whether the watches tell the truth. */

import type { Clock } from '../../core/clock.ts';
import type { ServiceName } from '../../core/instance.ts';
import { RegistryError } from '../../core/registry.ts';
import { Channel } from '../../lib/channel.ts';
import { type Change, type Collection, EXPIRED, type KubernetesApi, type Listing } from './api.ts';
import { thingKey } from './objects.ts';
import type { View } from './view.ts';

/** What has arrived together. */
export interface News {
  /** Services of which something changed. */
  readonly touched: readonly ServiceName[];
  /** The apiserver answered, and knows nothing that is not known here: what is known is the present. */
  readonly confirmed: boolean;
}

/** A hung server, a lost permission, and a watch that missed something are noticed this often, milliseconds. */
const HEARTBEAT = 4_000;
/**
 * The apiserver's watch cache sends a bookmark every minute (apiserver, cacher.go: defaultBookmarkFrequency), once it has seen
 * anything happen since it started. A watch that is silent for longer may hang somewhere on the way, and is opened again
 * where it was, which is cheap if it did not.
 */
const SILENCE = 75_000;
/** Watches that end sooner than this, so many in a row, are a failure, milliseconds. */
const BRIEF = 1_000;
const BRIEF_ONES = 5;
const PAUSE = 200;

/** What is known of one collection. */
export class Shelf {
  readonly collection: Collection;
  readonly #keys: Set<string>;
  #resourceVersion: string;

  constructor(collection: Collection, { things, resourceVersion }: Listing) {
    this.collection = collection;
    this.#keys = new Set(things.map(thingKey));
    this.#resourceVersion = resourceVersion;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The last one that was told: where a watch goes on. Opaque. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** The services that it was about. */
  apply(change: Change, view: View): readonly ServiceName[] {
    if (change.kind === 'bookmark') {
      this.#resourceVersion = change.resourceVersion;
      return [];
    }
    const { kind, thing } = change;
    this.#resourceVersion = thing.metadata.resourceVersion;
    if (kind === 'delete') {
      this.#keys.delete(thingKey(thing));
      return view.delete(thing);
    }
    this.#keys.add(thingKey(thing));
    return view.put(thing);
  }
}

type Item =
  | { readonly kind: 'changes'; readonly shelf: Shelf; readonly changes: readonly Change[] }
  /** Of which the apiserver has another number. */
  | { readonly kind: 'beat'; readonly differing: readonly Shelf[] }
  | { readonly kind: 'lost' };

/**
 * Ends when another listing is wanted: when a watch cannot go on from where it was, or has missed something. Throws
 * `RegistryError` when the apiserver fails, and `signal.reason`.
 */
export async function* follow(
  shelves: readonly Shelf[],
  view: View,
  api: KubernetesApi,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<News> {
  const arrived = new Channel<Item>();
  const closing = new AbortController();
  const onAbort = (): void => {
    closing.abort(signal.reason);
    arrived.fail(signal.reason);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const sources = [
    ...shelves.map((shelf) => watch(shelf, api, clock, arrived, closing.signal)),
    beat(shelves, api, clock, arrived, closing.signal),
  ];
  try {
    // The first time something may be on its way. If the watch then stays silent, it has missed it.
    let doubted: ReadonlySet<Shelf> = new Set();
    for (let missed = false; !missed; ) {
      const touched: ServiceName[] = [];
      let confirmed = false;
      for (const item of await arrived.take()) {
        if (item.kind === 'lost') return;
        if (item.kind === 'beat') {
          missed = item.differing.some((shelf) => doubted.has(shelf));
          doubted = new Set(item.differing);
          confirmed = true;
          continue;
        }
        for (const change of item.changes) touched.push(...item.shelf.apply(change, view));
        if (item.changes.some(({ kind }) => kind !== 'bookmark'))
          doubted = new Set([...doubted].filter((shelf) => shelf !== item.shelf));
      }
      yield { touched, confirmed: confirmed && !missed };
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    closing.abort(new Error('closed'));
    await Promise.all(sources);
  }
}

/** Passes on what the watch tells, and opens it again where it ended; never rejects. */
async function watch(
  shelf: Shelf,
  api: KubernetesApi,
  clock: Clock,
  arrived: Channel<Item>,
  signal: AbortSignal,
): Promise<void> {
  // The channel's reader may be behind, so where the watch goes on is kept here, too.
  let from = shelf.resourceVersion;
  let broken: RegistryError | undefined;
  try {
    for (let brief = 0; brief < BRIEF_ONES; ) {
      const opened = clock.now();
      try {
        for await (const changes of api.watch(shelf.collection, from, SILENCE, signal)) {
          if (changes === EXPIRED) {
            arrived.push({ kind: 'lost' });
            return;
          }
          from = changes.map(versionOf).at(-1) ?? from;
          arrived.push({ kind: 'changes', shelf, changes });
        }
      } catch (error) {
        // A connection that breaks before its answer is one that ended early: it goes on where it was, a few times. What the
        // apiserver says itself has no cause in a connection.
        if (!(error instanceof RegistryError) || error.code !== 'unreachable' || error.cause === undefined)
          throw error;
        broken = error;
      }
      brief = clock.now() - opened < BRIEF ? brief + 1 : 0;
      await clock.sleep(PAUSE, signal);
    }
    throw (
      broken ??
      new RegistryError('unreachable', `${BRIEF_ONES} watches in a row ended as soon as they were opened`)
    );
  } catch (error) {
    arrived.fail(error);
  }
}

function versionOf(change: Change): string {
  return change.kind === 'bookmark' ? change.resourceVersion : change.thing.metadata.resourceVersion;
}

/** A watch shows neither that its server hangs, nor that it is no longer allowed, nor that it lost something; never rejects. */
async function beat(
  shelves: readonly Shelf[],
  api: KubernetesApi,
  clock: Clock,
  arrived: Channel<Item>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(HEARTBEAT, signal);
      const counts = await Promise.all(shelves.map(({ collection }) => api.count(collection, signal)));
      const differing = shelves.filter(
        ({ size }, index) => counts[index] !== undefined && counts[index] !== size,
      );
      arrived.push({ kind: 'beat', differing });
    }
  } catch (error) {
    arrived.fail(error);
  }
}
