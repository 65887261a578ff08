/** Makes probes and rules of the checks of a configuration. */

import pLimit from 'p-limit';
import type { Config } from '../config/config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Use } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ProbeDeps } from '../core/probe.ts';
import type { EngineCheck } from '../engine/engine.ts';
import { createResolver } from '../probes/resolve.ts';

export interface MakeDeps {
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly log: Log;
  readonly scope: AsyncDisposableStack;
}

/** By name of the check. */
export function makeChecks(config: Config, deps: MakeDeps): ReadonlyMap<string, EngineCheck> {
  const { catalogue, clock, log, scope } = deps;
  const networks = new Map(config.registries.map((registry) => [registry.name, registry.networks]));
  const resolve = createResolver({ clock, networks });
  const scripts = pLimit(config.engine.scripts);
  const scriptLimit: ProbeDeps['scriptLimit'] = (run) => scripts(run);
  return new Map(
    config.checks.map((check) => {
      const { connectTimeout, timeout, interval } = check;
      const probe = pick(catalogue.probes, check.probe).create(check.probe.options, {
        clock,
        log,
        scope,
        resolve,
        connectTimeout,
        timeout,
        scriptLimit,
        baseDir: config.baseDir,
      });
      const rule = pick(catalogue.rules, check.rule).create(check.rule.options, { interval });
      return [check.name, { check, probe, rule }];
    }),
  );
}

/** The plugin of that kind; the configuration has made sure that it is there. */
export function pick<T extends { readonly name: string }>(plugins: readonly T[], { kind }: Use): T {
  const plugin = plugins.find(({ name }) => name === kind);
  if (plugin === undefined) throw new Error(`no kind ${kind}`);
  return plugin;
}
