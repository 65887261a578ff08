/** What a reload of another configuration would change in a running sonde. Pure. */

import { dirname, isAbsolute } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { ConfigurationView } from '../core/explain-view.ts';
import type { InstanceView, RegistryView } from '../core/view.ts';
import { matches } from '../pipeline/match.ts';
import { SILENT } from './list-registry.ts';
import { CheckMaker } from './make-checks.ts';
import { registryRecipes } from './make-registries.ts';
import { systemClock } from './system-clock.ts';

/** What runs now, as its API tells. */
export interface Running {
  readonly configuration: ConfigurationView;
  readonly registries: readonly RegistryView[];
  readonly instances: readonly InstanceView[];
}

export type Change = 'added' | 'removed' | 'changed';

export interface ConfigDiff {
  readonly registries: readonly { readonly name: string; readonly change: Change }[];
  /** Registries that stay, and are written to in another mode. */
  readonly modes: readonly { readonly registry: string; readonly from: string; readonly to: string }[];
  readonly checks: readonly { readonly name: string; readonly change: Change }[];
  /** Of the instances that are known now; a changed one begins anew. Instances of added registries are not known yet. */
  readonly targets: readonly TargetChange[];
  readonly kept: number;
  /** None of the above differs, and yet the files do: policies, limits, listeners, comments. */
  readonly rest: boolean;
}

interface TargetChange {
  readonly change: Change;
  readonly check: string;
  readonly instance: Pick<InstanceView, 'id' | 'registry' | 'namespace' | 'service' | 'host' | 'port'>;
}

type Named = readonly { readonly name: string; readonly fingerprint: string }[];

export function diffConfig(config: Config, catalogue: Catalogue, running: Running): ConfigDiff {
  const { configuration } = running;
  const [first, ...others] = placesOf(configuration.source, config.baseDir).map((baseDir) =>
    partsOf({ ...config, baseDir }, catalogue, configuration),
  );
  const size = ({ checks, registries }: Parts): number => checks.length + registries.length;
  const { checks, registries } = others.reduce((a, b) => (size(b) < size(a) ? b : a), first ?? NO_PARTS);
  const modes = running.registries.flatMap(({ name, writeMode }) => {
    const to = config.registries.find((one) => one.name === name)?.write.mode ?? writeMode;
    return to === writeMode ? [] : [{ registry: name, from: writeMode, to }];
  });
  const { targets, kept } = diffTargets(
    config,
    new Map(checks.map((one) => [one.name, one.change])),
    running,
  );
  const same = checks.length + registries.length + modes.length + targets.length === 0;
  return {
    registries,
    modes,
    checks,
    targets,
    kept,
    rest: same && config.revision !== configuration.revision,
  };
}

interface Parts {
  readonly checks: ConfigDiff['checks'];
  readonly registries: ConfigDiff['registries'];
}

const NO_PARTS: Parts = { checks: [], registries: [] };

/** Relative paths belong to what a part is made of: where the new file will lie is not known, so the kinder guess counts. */
function placesOf(source: string, baseDir: string): readonly string[] {
  if (!isAbsolute(source)) return [baseDir];
  return [baseDir, dirname(source), source];
}

function partsOf(config: Config, catalogue: Catalogue, running: ConfigurationView): Parts {
  const deps = { clock: systemClock, log: SILENT };
  const checks = new CheckMaker(deps.clock, deps.log).recipes(config, catalogue);
  return {
    checks: compare(running.checks, checks),
    registries: compare(running.registries, registryRecipes(config, catalogue, deps)),
  };
}

function compare(before: Named, after: Named): readonly { readonly name: string; readonly change: Change }[] {
  const old = new Map(before.map(({ name, fingerprint }) => [name, fingerprint]));
  const made = new Set(after.map(({ name }) => name));
  return [
    ...after.flatMap(({ name, fingerprint }): readonly { name: string; change: Change }[] => {
      const known = old.get(name);
      if (known === undefined) return [{ name, change: 'added' }];
      return known === fingerprint ? [] : [{ name, change: 'changed' }];
    }),
    ...before.filter(({ name }) => !made.has(name)).map(({ name }) => ({ name, change: 'removed' as const })),
  ];
}

function diffTargets(
  config: Config,
  checks: ReadonlyMap<string, Change>,
  { instances }: Running,
): { readonly targets: readonly TargetChange[]; readonly kept: number } {
  const listed = new Set(config.registries.map(({ name }) => name));
  const targets: TargetChange[] = [];
  let kept = 0;
  for (const { id, registry, namespace, service, host, port, metadata, checks: has } of instances) {
    const instance = { id, registry, namespace, service, host, port };
    const before = new Set(has.map(({ name }) => name));
    const after = config.checks
      .filter(({ match }) => listed.has(registry) && matches(match, { ...instance, metadata }))
      .map(({ name }) => name);
    for (const check of after) {
      const change = before.has(check) ? checks.get(check) : 'added';
      if (change === undefined) kept++;
      else targets.push({ change, check, instance });
    }
    for (const check of before)
      if (!after.includes(check)) targets.push({ change: 'removed', check, instance });
  }
  return { targets, kept };
}
