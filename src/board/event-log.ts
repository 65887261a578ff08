/** The last events, newest first for who asks. */

import { EVENT_KINDS, type Event, type EventKind, type ToldEvent } from '../core/event.ts';
import type { Memory } from '../core/memory.ts';
import { isoTime } from '../lib/iso-time.ts';
import { Ring } from '../lib/ring.ts';
import { contains, type Filter, wantsService } from './filter.ts';
import type { ServicePlace } from './place.ts';

export interface EventFilter extends Filter {
  readonly kind?: readonly EventKind[];
  readonly subject?: readonly string[];
  /** Only events after the one with this id. */
  readonly since?: string;
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
  readonly #memory: Memory;
  readonly #ring = new Ring<Logged>(KEPT);
  #next: number;

  /** Begins with what an earlier process remembered. `wall` as `Clock.wall()` at the start. */
  constructor(memory: Memory, wall: number) {
    this.#memory = memory;
    const found = Array.from({ length: KEPT }, (_, slot) => decode(memory.recall(keyOf(slot))));
    for (const logged of found.filter((one) => one !== undefined).sort((a, b) => a.number - b.number))
      this.#ring.push(logged);
    const last = this.#ring.toArray().at(-1)?.number ?? 0;
    this.#next = Math.max(Math.floor(wall) * IDS_PER_MS, last + 1);
  }

  /** The id it was given. */
  add({ numbers, ...event }: ToldEvent, place: Partial<ServicePlace>, wall: number): string {
    const number = this.#next++;
    const { registry, namespace, service } = place;
    const logged = {
      event: {
        id: String(number),
        at: isoTime(wall),
        ...event,
        ...(numbers === undefined
          ? {}
          : {
              numbers: {
                ...numbers,
                windowStart: numbers.windowStart === null ? null : isoTime(numbers.windowStart),
              },
            }),
      },
      number,
      // Not the place itself, which may be much more than that.
      place: {
        ...(registry === undefined ? {} : { registry }),
        ...(namespace === undefined ? {} : { namespace }),
        ...(service === undefined ? {} : { service }),
      },
    };
    this.#ring.push(logged);
    this.#memory.remember(keyOf(number), logged);
    return logged.event.id;
  }

  /** The event of that id, if it is wanted. Who follows along asks for the young ones, which are found at once. */
  one(filter: EventFilter, id: string): Event | undefined {
    const logged = this.#ring.findLast(({ event }) => event.id === id);
    return logged !== undefined && wants(filter, logged) ? logged.event : undefined;
  }

  /** Newest first; with `before` only those older than the event of that id. */
  *list(filter: EventFilter, before?: string): Generator<Event> {
    const limit = before === undefined ? Number.POSITIVE_INFINITY : Number(before);
    for (const logged of this.#ring.toArray().toReversed()) {
      if (logged.number < limit && wants(filter, logged)) yield logged.event;
    }
  }
}

function keyOf(number: number): string {
  return `event/${number % KEPT}`;
}

/** As remembered; of another version or damaged, it is forgotten. */
function decode(value: unknown): Logged | undefined {
  if (!isRecord(value) || !isRecord(value.event) || !isRecord(value.place)) return undefined;
  const { event, number } = value;
  const sound =
    Number.isSafeInteger(number) &&
    event.id === String(number) &&
    EVENT_KINDS.some((kind) => kind === event.kind) &&
    typeof event.at === 'string' &&
    typeof event.subject === 'string';
  return sound ? (value as unknown as Logged) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function wants(filter: EventFilter, { event, place, number }: Logged): boolean {
  const { kind, subject, from, to, reason, detail } = event;
  if (filter.kind !== undefined && !filter.kind.includes(kind)) return false;
  if (filter.subject !== undefined && !filter.subject.includes(subject)) return false;
  if (filter.since !== undefined && number <= Number(filter.since)) return false;
  if (!wantsService(filter, place)) return false;
  if (filter.health !== undefined && !filter.health.some((health) => health === to)) return false;
  return filter.q === undefined || contains(filter.q, subject, from, to, reason, detail);
}
