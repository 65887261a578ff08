/** Single looks for the command line: at one target, or at everything a configuration names, with the same code as `run`. */

import type { Config } from '../config/config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Outcome } from '../core/outcome.ts';
import type { ProbePlugin } from '../core/probe.ts';
import { type Registry, RegistryError } from '../core/registry.ts';
import { examine } from '../engine/examine.ts';
import { Limits } from '../engine/limits.ts';
import { matches } from '../pipeline/match.ts';
import { Roster } from '../pipeline/roster.ts';
import { createResolver } from '../probes/resolve.ts';
import { makeChecks, pick } from './make-checks.ts';
import { systemClock } from './system-clock.ts';

export interface Sight {
  readonly instance: Instance;
  readonly check: string;
  readonly outcome: Outcome;
  /** Milliseconds. */
  readonly duration: number;
}

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface OneLook {
  readonly probe: ProbePlugin;
  readonly options: unknown;
  readonly host: string;
  readonly port: number;
  readonly timeout: number;
  readonly connectTimeout: number;
}

/** The person at the keyboard named the address: no network is refused. */
const ANYWHERE = { allow: ['0.0.0.0/0', '::/0'], deny: [] };

export async function lookOnce(look: OneLook, signal: AbortSignal): Promise<Sight> {
  await using scope = new AsyncDisposableStack();
  const { host, port, timeout, connectTimeout } = look;
  const probe = look.probe.create(look.options, {
    clock: systemClock,
    log: SILENT,
    scope,
    resolve: createResolver({ clock: systemClock, networks: new Map([['', ANYWHERE]]) }),
    connectTimeout,
    timeout,
    scriptLimit: (run) => run(),
    baseDir: process.cwd(),
  });
  const instance: Instance = {
    id: 'one' as InstanceId,
    registry: '',
    namespace: '',
    service: look.probe.name,
    key: `${host}:${port}`,
    incarnation: '',
    revision: '',
    host,
    port,
    metadata: {},
    enabled: true,
    draining: false,
  };
  const { outcome, duration } = await examine(probe, instance, timeout, systemClock, signal);
  signal.throwIfAborted();
  return { instance, check: look.probe.name, outcome, duration };
}

export type Around =
  | { readonly kind: 'looked'; readonly sights: readonly Sight[] }
  /** A registry could not be listed. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Milliseconds for the listing of a registry. */
const LISTING = 10_000;

/** One look at every target of the configuration, or of one service of it. */
export async function lookAround(
  config: Config,
  catalogue: Catalogue,
  service: string | undefined,
  signal: AbortSignal,
): Promise<Around> {
  await using scope = new AsyncDisposableStack();
  const deps = { catalogue, clock: systemClock, log: SILENT, scope };
  const checks = makeChecks(config, deps);
  const limits = new Limits(config.engine);
  const found: Instance[] = [];
  for (const one of config.registries) {
    const { clock, log } = deps;
    const registry = pick(catalogue.registries, one).create(one.options, {
      name: one.name,
      clock,
      log,
      scope,
      baseDir: config.baseDir,
    });
    const listed = await list(one.name, registry, signal);
    if (listed.kind === 'failed') return listed;
    found.push(...listed.instances);
  }
  const wanted = found.filter((instance) => service === undefined || instance.service === service);
  const sights: Sight[] = [];
  const work = wanted.flatMap((instance) =>
    [...checks.values()]
      .filter(({ check }) => matches(check.match, instance))
      .map(({ check, probe }) =>
        limits.run(instance.host, async () => {
          const { outcome, duration } = await examine(probe, instance, check.timeout, systemClock, signal);
          sights.push({ instance, check: check.name, outcome, duration });
        }),
      ),
  );
  await Promise.all(work);
  signal.throwIfAborted();
  const nameOf = ({ instance, check }: Sight): string =>
    JSON.stringify([instance.service, instance.key, check]);
  return { kind: 'looked', sights: sights.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) };
}

async function list(
  name: string,
  registry: Registry,
  signal: AbortSignal,
): Promise<
  | { readonly kind: 'listed'; readonly instances: readonly Instance[] }
  | { readonly kind: 'failed'; readonly reason: string }
> {
  const roster = new Roster();
  const instances: Instance[] = [];
  using deadline = systemClock.deadline(LISTING, signal);
  try {
    for await (const snapshot of registry.snapshots(deadline.signal)) {
      if (snapshot.kind === 'synced') break;
      if (snapshot.kind === 'service')
        instances.push(...roster.apply(name, snapshot, snapshot.entries).added);
    }
    return { kind: 'listed', instances };
  } catch (error) {
    if (error instanceof RegistryError) return { kind: 'failed', reason: error.message };
    if (deadline.expired)
      return { kind: 'failed', reason: `registry ${name}: no listing within ${LISTING / 1_000} s` };
    throw error;
  }
}
