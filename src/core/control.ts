/** What an operator may ask of a running sonde, whichever way they come. */

import type { Intervention, InterventionOrder } from './intervention.ts';

export interface Control {
  /** Looks at all targets of the instance at once; false if there is no such instance. */
  probeNow(id: string): boolean;
  /** Writes over what contests the instance; false if there is no such instance. */
  overwrite(id: string, by: string): boolean;
  /**
   * Lets through what the brake of the registry holds now, and lifts the holds laid upon the whole registry; false if
   * there is no such registry.
   */
  releaseGuard(registry: string, by: string, reason?: string): boolean;
  /** Lays it on whatever matches now and later. */
  intervene(order: InterventionOrder): Intervention;
  /** The interventions in force, oldest first. */
  interventions(): readonly Intervention[];
  /** Ends it before its time; false if there is none with that id. */
  lift(id: string, by: string): boolean;
  /** Reads the configuration again and swaps it in, or changes nothing. Never rejects. */
  reload(by: string): Promise<ReloadResult>;
}

export type ReloadResult =
  | { readonly kind: 'applied'; readonly changes: ReloadChanges }
  /** The files say what is in force. */
  | { readonly kind: 'unchanged' }
  /** Nothing was changed: the problems with their frames, as `sonde validate` prints them. */
  | { readonly kind: 'rejected'; readonly text: string };

/** How many targets a reload touched. A changed one begins anew; all others keep window, phase and looks in flight. */
export interface ReloadChanges {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly kept: number;
}
