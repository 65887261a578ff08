/** The states an instance can be in. */

/** In order from nothing known to worst. */
export const HEALTHS = ['unknown', 'healthy', 'sub-healthy', 'dead'] as const;

export type Health = (typeof HEALTHS)[number];

/** What may be written to a registry: `unknown` never is. */
export type WritableHealth = Exclude<Health, 'unknown'>;

/** Beside the health: no fresh outcome; a write is held back by the guard; paused by an operator. */
const FLAGS = ['stale', 'held', 'paused'] as const;
export type Flag = (typeof FLAGS)[number];
