/** What an operator lays upon instances for a while: a word that outranks sonde's own judgement in what is written. */

/**
 * `pause`: maintenance; probed and shown, nothing is written. `hold`: nothing worse is written, recoveries are.
 * `release`: what sonde wrote is taken back, and nothing is written.
 */
export const INTERVENTION_KINDS = ['pause', 'hold', 'release'] as const;
export type InterventionKind = (typeof INTERVENTION_KINDS)[number];

/** Globs; absent keys match everything. `instance` is an instance id or host:port. */
export interface Selector {
  readonly registry?: string;
  readonly namespace?: string;
  readonly service?: string;
  readonly instance?: string;
}

export interface InterventionOrder {
  readonly kind: InterventionKind;
  readonly selector: Selector;
  /** Why, for the events and for whoever finds it; not empty. */
  readonly reason: string;
  /** Who, as they say themselves. */
  readonly by: string;
  /** Milliseconds it lasts; null: until it is lifted. */
  readonly lasts: number | null;
}

export interface Intervention {
  readonly id: string;
  readonly kind: InterventionKind;
  readonly selector: Selector;
  readonly reason: string;
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** ISO 8601, UTC; null: until it is lifted. */
  readonly until: string | null;
  /** Instances that it concerns now. */
  readonly instances: number;
}
