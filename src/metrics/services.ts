/** The part of `/metrics` that has series per service: rendered from the present, so that what departed is gone. */

import { HEALTHS } from '../core/health.ts';
import type { ServiceView } from '../core/list-view.ts';
import { family } from './catalogue.ts';
import { head, line } from './exposition.ts';

export function* servicesText(services: readonly ServiceView[]): Generator<string> {
  const instances = family('sonde_instances');
  yield head(instances);
  for (const view of services) {
    for (const health of HEALTHS) {
      yield line(instances, [...labelsOf(view), health], view.instances[health]);
    }
  }
  const ratio = family('sonde_success_ratio');
  yield head(ratio);
  for (const view of services) {
    for (const { name, rate } of view.checks) {
      if (rate !== null) yield line(ratio, [...labelsOf(view), name], rate);
    }
  }
  const held = family('sonde_held_instances');
  yield head(held);
  for (const view of services) {
    for (const [reason, count] of Object.entries(view.held)) {
      yield line(held, [...labelsOf(view), reason], count);
    }
  }
}

function labelsOf({ registry, namespace, service }: ServiceView): readonly string[] {
  return [registry, namespace, service];
}
