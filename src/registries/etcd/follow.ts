/** Keeps shelves as etcd has them: watches each, asks every few seconds whether the watch still tells the truth. */

import type { Clock } from '../../core/clock.ts';
import type { ServiceName } from '../../core/instance.ts';
import { Channel } from '../../lib/channel.ts';
import { type Change, COMPACTED, type EtcdApi } from './api.ts';
import type { Shelf } from './shelf.ts';

/** What has arrived together. */
export interface News {
  /** Services of which a key changed. */
  readonly touched: readonly ServiceName[];
  /** etcd answered: what is known is the present. */
  readonly confirmed: boolean;
}

/** A hung server is noticed, and life confirmed, this often, milliseconds. */
const HEARTBEAT = 3_000;

type Item =
  | { readonly kind: 'changes'; readonly shelf: Shelf; readonly changes: readonly Change[] }
  /** Whether etcd has something that the shelves have not. */
  | { readonly kind: 'beat'; readonly differs: boolean }
  | { readonly kind: 'lost' };

/**
 * Ends when another listing is wanted: after a compaction, or when the watch has missed something. Throws `RegistryError`
 * when etcd fails, and `signal.reason`.
 */
export async function* follow(
  shelves: readonly Shelf[],
  api: EtcdApi,
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
    ...shelves.map((shelf) => watch(shelf, api, arrived, closing.signal)),
    beat(shelves, api, clock, arrived, closing.signal),
  ];
  try {
    // The first time something may be on its way. If the watch then stays silent, it has missed it.
    let doubts = 0;
    while (doubts < 2) {
      const touched: ServiceName[] = [];
      let confirmed = false;
      for (const item of await arrived.take()) {
        if (item.kind === 'lost') return;
        if (item.kind === 'beat') {
          doubts = item.differs ? doubts + 1 : 0;
          confirmed = true;
          continue;
        }
        doubts = 0;
        for (const change of item.changes) {
          const service = item.shelf.apply(change);
          if (service !== undefined) touched.push(service);
        }
      }
      yield { touched, confirmed: confirmed && doubts < 2 };
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    closing.abort(new Error('closed'));
    await Promise.all(sources);
  }
}

/** Passes on what the watch tells until it ends; never rejects. */
async function watch(shelf: Shelf, api: EtcdApi, arrived: Channel<Item>, signal: AbortSignal): Promise<void> {
  try {
    for await (const changes of api.watch(shelf.prefix, shelf.revision + 1n, signal)) {
      if (changes === COMPACTED) arrived.push({ kind: 'lost' });
      else arrived.push({ kind: 'changes', shelf, changes });
    }
  } catch (error) {
    arrived.fail(error);
  }
}

/** A watch does not show that its server hangs, nor that it has lost something; never rejects. */
async function beat(
  shelves: readonly Shelf[],
  api: EtcdApi,
  clock: Clock,
  arrived: Channel<Item>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(HEARTBEAT, signal);
      const differs = await Promise.all(
        shelves.map(async (shelf) => {
          const { keys, newer } = await api.glance(shelf.prefix, shelf.revision, signal);
          return newer || keys !== shelf.size;
        }),
      );
      arrived.push({ kind: 'beat', differs: differs.includes(true) });
    }
  } catch (error) {
    arrived.fail(error);
  }
}
