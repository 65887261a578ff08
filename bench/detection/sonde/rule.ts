/** The shipping rule with its defaults, and targets for it. */

import type { Instance, InstanceId } from '../../../src/core/instance.ts';
import type { Rule } from '../../../src/core/rule.ts';
import type { Target, TargetId } from '../../../src/core/target.ts';
import { successRateRule } from '../../../src/rules/success-rate.ts';

/** The rule `success-rate` as it ships, or with other options: only to show that the bench notices. */
export function shippingRule(interval: number, options: object = {}): Rule {
  const result = successRateRule.options['~standard'].validate(options);
  if (result instanceof Promise || result.issues !== undefined) throw new Error(JSON.stringify(result));
  return successRateRule.create(result.value, { interval });
}

/** A target that is known to be healthy. */
export function benchTarget(name: string, service: string): Target {
  const instance: Instance = {
    id: `i-${name}` as InstanceId,
    registry: 'bench',
    namespace: 'default',
    service,
    key: name,
    incarnation: '',
    revision: '',
    host: name,
    port: 80,
    metadata: {},
    enabled: true,
    draining: false,
  };
  const seed = { health: 'healthy', reason: 'passing', graceUntil: 0 } as const;
  return { id: `t-${name}` as TargetId, check: 'bench', instance, seed };
}
