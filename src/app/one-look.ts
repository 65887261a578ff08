/** Single looks for the command line: at one target, or at everything a configuration names, with the same code as `run`. */

import type { Config } from '../config/config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Outcome } from '../core/outcome.ts';
import type { ProbePlugin } from '../core/probe.ts';
import type { EngineCheck } from '../engine/engine.ts';
import { examine } from '../engine/examine.ts';
import { Limits } from '../engine/limits.ts';
import { matches } from '../pipeline/match.ts';
import { createResolver } from '../probes/resolve.ts';
import { Kept } from './kept.ts';
import { listRegistry, SILENT } from './list-registry.ts';
import { CheckMaker } from './make-checks.ts';
import { systemClock } from './system-clock.ts';

export interface Sight {
  readonly instance: Instance;
  readonly check: string;
  readonly outcome: Outcome;
  /** Milliseconds. */
  readonly duration: number;
}

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

/** How far it is: looks that ended, of all that are to be made. */
export interface LookProgress {
  done: number;
  total: number;
}

/** One look at every target of the configuration, or of one service of it. */
export async function lookAround(
  config: Config,
  catalogue: Catalogue,
  service: string | undefined,
  progress: LookProgress,
  signal: AbortSignal,
): Promise<Around> {
  await using scope = new AsyncDisposableStack();
  const checks = scope.use(new Kept<EngineCheck>());
  const maker = new CheckMaker(systemClock, SILENT);
  maker.adopt(config);
  const { things, commit } = checks.prepare(maker.recipes(config, catalogue));
  commit();
  const limits = new Limits(config.engine);
  const found: Instance[] = [];
  for (const one of config.registries) {
    const listed = await listRegistry(one, config, catalogue, signal);
    if (listed.kind === 'failed') return listed;
    found.push(...listed.instances);
  }
  const wanted = found.filter((instance) => service === undefined || instance.service === service);
  const sights: Sight[] = [];
  const work = wanted.flatMap((instance) =>
    [...things.values()]
      .filter(({ check }) => matches(check.match, instance))
      .map(({ check, probe }) =>
        limits.run(instance.host, async () => {
          const { outcome, duration } = await examine(probe, instance, check.timeout, systemClock, signal);
          sights.push({ instance, check: check.name, outcome, duration });
          progress.done++;
        }),
      ),
  );
  progress.total = work.length;
  await Promise.all(work);
  signal.throwIfAborted();
  const nameOf = ({ instance, check }: Sight): string =>
    JSON.stringify([instance.service, instance.key, check]);
  return { kind: 'looked', sights: sights.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) };
}
