/** The kinds that are there: built in, and from the user's plugins. */

import type { ProbePlugin } from './probe.ts';
import type { RegistryPlugin } from './registry.ts';
import type { RulePlugin } from './rule.ts';

export interface Catalogue {
  readonly probes: readonly ProbePlugin[];
  readonly rules: readonly RulePlugin[];
  readonly registries: readonly RegistryPlugin[];
}
