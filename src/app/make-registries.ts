/** How registries are made of a configuration. */

import type { Config } from '../config/config.ts';
import { fingerprintOf } from '../config/fingerprint.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Registry } from '../core/registry.ts';
import type { Recipe } from './kept.ts';
import { pick } from './make-checks.ts';

/** How it is written to is no part of what it is made of. */
export function registryRecipes(
  { registries, baseDir }: Config,
  catalogue: Catalogue,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): readonly Recipe<Registry>[] {
  return registries.map((one) => {
    const { name, kind, options } = one;
    const plugin = pick(catalogue.registries, one);
    return {
      name,
      fingerprint: fingerprintOf([kind, options, baseDir]),
      plugins: [plugin],
      make: (scope) => plugin.create(options, { name, clock, log, scope, baseDir }),
    };
  });
}
