/** THE list of probes, rules and registries. */

import type { Catalogue } from '../core/catalogue.ts';
import { consecutiveRule } from '../rules/consecutive.ts';
import { successRateRule } from '../rules/success-rate.ts';

export const builtins: Catalogue = { probes: [], rules: [successRateRule, consecutiveRule], registries: [] };
