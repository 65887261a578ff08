/** Counts changes of health per service, for as long as the service has instances. */

import type { Health } from '../core/health.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import { family } from './catalogue.ts';
import { head, line } from './exposition.ts';

interface ServiceCounts {
  readonly key: string;
  readonly labels: readonly string[];
  instances: number;
  readonly counts: Map<Health, Map<Health, number>>;
}

/** There from the first scrape on, so that the first change of a service is an increase. */
const JUDGED = ['healthy', 'sub-healthy', 'dead'] as const satisfies readonly Health[];

export class Transitions {
  readonly #services = new Map<string, ServiceCounts>();
  readonly #byInstance = new Map<InstanceId, ServiceCounts>();

  appear({ id, registry, namespace, service }: Instance): void {
    if (this.#byInstance.has(id)) return;
    const labels = [registry, namespace, service];
    const key = JSON.stringify(labels);
    let counts = this.#services.get(key);
    if (counts === undefined) {
      counts = { key, labels, instances: 0, counts: zeros() };
      this.#services.set(key, counts);
    }
    counts.instances++;
    this.#byInstance.set(id, counts);
  }

  depart(id: InstanceId): void {
    const counts = this.#byInstance.get(id);
    if (counts === undefined) return;
    this.#byInstance.delete(id);
    counts.instances--;
    if (counts.instances === 0) this.#services.delete(counts.key);
  }

  count(id: InstanceId, from: Health, to: Health): void {
    const counts = this.#byInstance.get(id)?.counts;
    if (counts === undefined || from === to) return;
    const row = counts.get(from) ?? new Map<Health, number>();
    counts.set(from, row);
    row.set(to, (row.get(to) ?? 0) + 1);
  }

  *text(): Generator<string> {
    const described = family('sonde_transitions_total');
    yield head(described);
    for (const { labels, counts } of this.#services.values()) {
      for (const [from, row] of counts) {
        for (const [to, count] of row) yield line(described, [...labels, from, to], count);
      }
    }
  }
}

function zeros(): Map<Health, Map<Health, number>> {
  return new Map(
    JUDGED.map((from) => [
      from,
      new Map<Health, number>(JUDGED.filter((to) => to !== from).map((to) => [to, 0])),
    ]),
  );
}
