/** A check with usual times, for tests that need one and say only what matters to them. */

import type { Check } from '../../src/core/check.ts';

export function checkNamed(name: string, fields: Partial<Check> = {}): Check {
  return {
    name,
    match: {},
    probe: { kind: 'fake', options: {} },
    ruleName: 'standard',
    rule: { kind: 'fake', options: {} },
    interval: 5_000,
    edgeInterval: 5_000,
    deadInterval: 5_000,
    timeout: 2_000,
    connectTimeout: 500,
    startPeriod: 0,
    ...fields,
  };
}
