/** THE list of probes, rules and registries. */

import type { Catalogue } from '../core/catalogue.ts';

export const builtins: Catalogue = { probes: [], rules: [], registries: [] };
