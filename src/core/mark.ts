/** sonde's signature in a registry: who wrote what, and what it replaced. */

import type { WritableHealth } from './health.ts';

export interface Mark {
  /** Name of the writing sonde; the same name survives restarts (configured per registry, default `sonde`). */
  readonly writer: string;
  /** Format of the mark. */
  readonly version: number;
  readonly health: WritableHealth;
  readonly reason: string;
  /** ISO 8601, UTC: when the instance got this health. */
  readonly since: string;
  /** The registry's values that were replaced (a weight, …), to be restored by a release; JSON. */
  readonly original: Readonly<Record<string, unknown>>;
}
