/** How probes and rules are made of the checks of a configuration. */

import pLimit, { type LimitFunction } from 'p-limit';
import type { Config } from '../config/config.ts';
import { fingerprintOf } from '../config/fingerprint.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Check, Use } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ProbeDeps, Resolve } from '../core/probe.ts';
import type { RulePlugin } from '../core/rule.ts';
import type { EngineCheck } from '../engine/engine.ts';
import { createResolver } from '../probes/resolve.ts';
import type { Recipe } from './kept.ts';

export class CheckMaker {
  readonly #clock: Clock;
  readonly #log: Log;
  /** What timeouts are multiplied with now. */
  readonly #stretch: () => number;
  /** Shared by all checks over all reloads. */
  #resolver: Resolve | undefined;
  #networks = '';
  #scripts: LimitFunction | undefined;

  constructor(clock: Clock, log: Log, stretch: () => number = () => 1) {
    this.#clock = clock;
    this.#log = log;
    this.#stretch = stretch;
  }

  /** What the checks of the configuration are made of; asks nothing of the network. */
  recipes(config: Config, catalogue: Catalogue): readonly Recipe<EngineCheck>[] {
    const { baseDir } = config;
    return config.checks.map((check) => {
      const probe = pick(catalogue.probes, check.probe);
      const rule = pick(catalogue.rules, check.rule);
      const shadow = check.shadow === undefined ? undefined : pick(catalogue.rules, check.shadow.rule);
      return {
        name: check.name,
        fingerprint: fingerprintOf([check, baseDir]),
        plugins: [probe, rule, ...(shadow === undefined ? [] : [shadow])],
        make: (scope) => ({
          check,
          probe: probe.create(check.probe.options, this.#probeDeps(check, baseDir, scope)),
          rule: makeRule(rule, check.rule, check),
          ...(shadow === undefined || check.shadow === undefined
            ? {}
            : { shadow: makeRule(shadow, check.shadow.rule, check) }),
        }),
      };
    });
  }

  /** Networks and limits of the configuration hold from now on, for checks that were made before too. */
  adopt(config: Config): void {
    const networks = new Map(config.registries.map((registry) => [registry.name, registry.networks]));
    const fingerprint = fingerprintOf([...networks]);
    if (this.#resolver === undefined || fingerprint !== this.#networks)
      this.#resolver = createResolver({ clock: this.#clock, networks });
    this.#networks = fingerprint;
    this.#scripts ??= pLimit(config.engine.scripts);
    this.#scripts.concurrency = config.engine.scripts;
  }

  #probeDeps(check: Check, baseDir: string, scope: AsyncDisposableStack): ProbeDeps {
    const stretched = (timeout: number): number => Math.round(timeout * this.#stretch());
    return {
      clock: this.#clock,
      log: this.#log,
      scope,
      get connectTimeout() {
        return stretched(check.connectTimeout);
      },
      get timeout() {
        return stretched(check.timeout);
      },
      baseDir,
      resolve: (...asked) => adopted(this.#resolver)(...asked),
      scriptLimit: (run) => adopted(this.#scripts)(run),
    };
  }
}

function makeRule(plugin: RulePlugin, { options }: Use, { interval }: Check): EngineCheck['rule'] {
  return plugin.create(options, { interval });
}

function adopted<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('no configuration was adopted');
  return value;
}

/** The plugin of that kind; the configuration has made sure that it is there. */
export function pick<T extends { readonly name: string }>(plugins: readonly T[], { kind }: Use): T {
  const plugin = plugins.find(({ name }) => name === kind);
  if (plugin === undefined) throw new Error(`no kind ${kind}`);
  return plugin;
}
