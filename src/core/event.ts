/** What happened, for people and machines that follow along. */

import type { Numbers } from './rule.ts';

export const EVENT_KINDS = ['transition', 'write', 'registry', 'guard', 'configuration', 'operator'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface Event {
  /** Increasing; opaque to clients. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: EventKind;
  /** Instance id, or name of a registry or service. */
  readonly subject: string;
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly detail?: string;
  /** The numbers that made a transition; `windowStart` is ISO 8601, UTC. */
  readonly numbers?: Omit<Numbers, 'windowStart'> & { readonly windowStart: string | null };
  /** The operator, as they say themselves. */
  readonly by?: string;
}

/** As it is told, before it has an id: `windowStart` of its numbers is `Clock.now()`. */
export type ToldEvent = Omit<Event, 'id' | 'at' | 'numbers'> & { readonly numbers?: Numbers };
