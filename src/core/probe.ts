/** A probe is the code that looks. */

import type { Clock } from './clock.ts';
import type { Instance } from './instance.ts';
import type { Log } from './log.ts';
import type { Outcome } from './outcome.ts';
import type { Plugin } from './plugin.ts';

export interface Probe {
  /**
   * Looks once. `signal` aborts at the check's timeout (or at shutdown, when the outcome is thrown away): the probe then
   * resolves at once with the outcome of the phase it was in (`connect-timeout` while connecting, `request-timeout` after).
   * Never rejects for a fault of the target; whatever it throws becomes `skip` with `plugin-error`. Leaves nothing open
   * once it has resolved.
   */
  run(instance: Instance, signal: AbortSignal): Promise<Outcome>;
}

export type ResolvedAddress =
  | { readonly kind: 'address'; readonly address: string; readonly family: 4 | 6; readonly duration: number }
  /** The name does not exist (a fail), the resolver did not answer or the address is refused (a skip). */
  | { readonly kind: 'outcome'; readonly outcome: Outcome };

/** 4 or 6: only that family; `any`: what the system lists first. */
export type Family = 4 | 6 | 'any';

/**
 * The address to connect to for a host of this instance. Applies the registry's allow and deny networks to literal and
 * resolved addresses alike. Never rejects: an abort resolves with `dns-no-answer`.
 */
export type Resolve = (
  instance: Instance,
  host: string,
  family: Family,
  signal: AbortSignal,
) => Promise<ResolvedAddress>;

export interface ProbeDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Whatever must be closed when the check goes is handed to it. */
  readonly scope: AsyncDisposableStack;
  readonly resolve: Resolve;
  /** Milliseconds for establishing a connection, name resolution apart. To be read anew for each look: a prober that is not well waits longer. */
  readonly connectTimeout: number;
  /** Milliseconds for the whole look, as long as that; `signal` holds it, this is for what is told to children and people. */
  readonly timeout: number;
  /** Script runs at once over all checks. */
  readonly scriptLimit: <T>(run: () => Promise<T>) => Promise<T>;
  /** Folder that relative paths of the configuration start from. */
  readonly baseDir: string;
}

export type ProbePlugin<O = unknown> = Plugin<O, ProbeDeps, Probe>;
