/** One listing of a registry for the command line, with the same code as `run`. */

import type { Config, RegistryConfig } from '../config/config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Instance } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import { RegistryError, type RegistryErrorCode } from '../core/registry.ts';
import { Roster } from '../pipeline/roster.ts';
import { pick } from './make-checks.ts';
import { systemClock } from './system-clock.ts';

export type Listed =
  | { readonly kind: 'listed'; readonly instances: readonly Instance[] }
  /** `code` is undefined where the registry did not answer in time. */
  | { readonly kind: 'failed'; readonly reason: string; readonly code: RegistryErrorCode | undefined };

/** Milliseconds for a whole listing. */
const PATIENCE = 10_000;

/** What a look from the command line has to say, it prints. */
export const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export async function listRegistry(
  one: RegistryConfig,
  { baseDir }: Pick<Config, 'baseDir'>,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<Listed> {
  await using scope = new AsyncDisposableStack();
  const { name } = one;
  const registry = pick(catalogue.registries, one).create(one.options, {
    name,
    clock: systemClock,
    log: SILENT,
    scope,
    baseDir,
  });
  const roster = new Roster();
  const instances: Instance[] = [];
  using deadline = systemClock.deadline(PATIENCE, signal);
  try {
    for await (const snapshot of registry.snapshots(deadline.signal)) {
      if (snapshot.kind === 'synced') break;
      if (snapshot.kind === 'service')
        instances.push(...roster.apply(name, snapshot, snapshot.entries).added);
    }
    return { kind: 'listed', instances };
  } catch (error) {
    if (error instanceof RegistryError) return { kind: 'failed', reason: error.message, code: error.code };
    if (!deadline.expired) throw error;
    const reason = `registry ${name}: no listing within ${PATIENCE / 1_000} s`;
    return { kind: 'failed', reason, code: undefined };
  }
}
