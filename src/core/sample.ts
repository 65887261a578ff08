/** The few numbers of an instance that are exposed per instance: cheap to make for all of them at once. */

import type { Health } from './health.ts';

export interface InstanceSample {
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly host: string;
  readonly port: number;
  readonly health: Health;
  readonly checks: readonly CheckSample[];
}

export interface CheckSample {
  readonly name: string;
  /** The last look that was no skip; its duration is in milliseconds. */
  readonly look: { readonly passed: boolean; readonly duration: number } | null;
  /** 0 to 1, null while nothing counted. */
  readonly rate: number | null;
}
