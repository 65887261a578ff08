/** Follows a registry that can only be asked again and again. */

import type { Clock } from '../../core/clock.ts';
import type { Entry, ServiceName } from '../../core/instance.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { serviceKey, Told } from './told.ts';

/** A registry confirms itself at least this often (core/snapshot.ts), milliseconds. */
export const LONGEST_POLL = 10_000;

/** All there is, by service. */
export type Services = readonly { readonly name: ServiceName; readonly entries: readonly Entry[] }[];

export interface Poll {
  /** Undefined: nothing has changed since the listing before. */
  readonly services: Services | undefined;
  /** Milliseconds until it is worth asking again; at most `LONGEST_POLL`. */
  readonly again: number;
}

/** `list` throws `RegistryError` where the registry fails. */
export async function* polled(
  list: (signal: AbortSignal) => Promise<Poll>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Snapshot> {
  const told = new Told();
  for (;;) {
    signal.throwIfAborted();
    const { services, again } = await list(signal);
    if (services !== undefined) {
      const listed = new Set(services.map(({ name }) => serviceKey(name)));
      for (const { name, entries } of services) yield* told.tell(name, entries);
      for (const name of told.names()) if (!listed.has(serviceKey(name))) yield* told.tell(name, undefined);
    }
    yield { kind: 'synced' };
    await clock.sleep(Math.min(again, LONGEST_POLL), signal);
  }
}
