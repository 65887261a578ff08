/** The last events, newest first for who asks. */

import type { Event, EventKind } from '../core/event.ts';
import { isoTime } from '../lib/iso-time.ts';
import { Ring } from '../lib/ring.ts';
import { contains, type Filter, wantsService } from './filter.ts';
import type { ServicePlace } from './place.ts';

export interface EventFilter extends Filter {
  readonly kind?: readonly EventKind[];
}

interface Logged {
  readonly event: Event;
  readonly number: number;
  /** Where the subject stands, as far as it is known. */
  readonly place: Partial<ServicePlace>;
}

const KEPT = 1_000;
/** Ids go on from the system clock, so that they increase over restarts too as long as fewer come a millisecond. */
const IDS_PER_MS = 1_000;

export class EventLog {
  readonly #ring = new Ring<Logged>(KEPT);
  #next: number;

  /** `wall` as `Clock.wall()` at the start. */
  constructor(wall: number) {
    this.#next = Math.floor(wall) * IDS_PER_MS;
  }

  add(event: Omit<Event, 'id' | 'at'>, place: Partial<ServicePlace>, wall: number): void {
    const number = this.#next++;
    this.#ring.push({ event: { id: String(number), at: isoTime(wall), ...event }, number, place });
  }

  /** Newest first; with `before` only those older than the event of that id. */
  *list(filter: EventFilter, before?: string): Generator<Event> {
    const limit = before === undefined ? Number.POSITIVE_INFINITY : Number(before);
    for (const logged of this.#ring.toArray().toReversed()) {
      if (logged.number < limit && wants(filter, logged)) yield logged.event;
    }
  }
}

function wants(filter: EventFilter, { event, place }: Logged): boolean {
  const { kind, subject, from, to, reason, detail } = event;
  if (filter.kind !== undefined && !filter.kind.includes(kind)) return false;
  if (!wantsService(filter, place)) return false;
  if (filter.health !== undefined && !filter.health.some((health) => health === to)) return false;
  return filter.q === undefined || contains(filter.q, subject, from, to, reason, detail);
}
