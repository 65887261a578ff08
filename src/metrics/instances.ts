/** `/metrics/instances`: four series per instance or target, rendered while they are sent. */

import type { Health } from '../core/health.ts';
import type { CheckSample, InstanceSample } from '../core/sample.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { family, type MetricName } from './catalogue.ts';
import { head, line } from './exposition.ts';

const HEALTH_VALUES = { unknown: null, dead: 1, 'sub-healthy': 2, healthy: 3 } as const satisfies Record<
  Health,
  number | null
>;

/** The samples are asked for once per family, because all lines of a family stand together. */
export function* instancesText(samples: () => Iterable<InstanceSample>): Generator<string> {
  yield* perCheck('probe_success', samples, ({ look }) => (look === null ? null : Number(look.passed)));
  yield* perCheck('probe_duration_seconds', samples, ({ look }) =>
    look === null ? null : look.duration / 1_000,
  );
  const health = family('sonde_instance_health');
  yield head(health);
  for (const sample of distinct(samples())) {
    const value = HEALTH_VALUES[sample.health];
    if (value !== null) yield line(health, labelsOf(sample), value);
  }
  yield* perCheck('sonde_instance_success_ratio', samples, ({ rate }) => rate);
}

function* perCheck(
  name: MetricName,
  samples: () => Iterable<InstanceSample>,
  measure: (check: CheckSample) => number | null,
): Generator<string> {
  const described = family(name);
  yield head(described);
  for (const sample of distinct(samples())) {
    for (const check of sample.checks) {
      const value = measure(check);
      if (value !== null) yield line(described, [...labelsOf(sample), check.name], value);
    }
  }
}

/** Two lives of one address at once would be the same series twice: the first speaks for both. They are neighbours. */
function* distinct(samples: Iterable<InstanceSample>): Generator<InstanceSample> {
  let before: InstanceSample | undefined;
  for (const sample of samples) {
    if (before === undefined || !isSamePlace(before, sample)) yield sample;
    before = sample;
  }
}

function isSamePlace(a: InstanceSample, b: InstanceSample): boolean {
  return (
    a.port === b.port &&
    a.host === b.host &&
    a.service === b.service &&
    a.namespace === b.namespace &&
    a.registry === b.registry
  );
}

function labelsOf({ registry, namespace, service, host, port }: InstanceSample): readonly string[] {
  return [registry, namespace, service, formatHostPort(host, port)];
}
