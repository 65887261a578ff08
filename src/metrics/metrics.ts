/** Everything that `/metrics` and `/metrics/instances` say: hears reports, and asks for the present when it is scraped. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineNumbers } from '../core/engine.ts';
import type { InstanceId } from '../core/instance.ts';
import type { ServiceView } from '../core/list-view.ts';
import type { Report, Reporter } from '../core/report.ts';
import type { InstanceSample } from '../core/sample.ts';
import type { Target, TargetId } from '../core/target.ts';
import type { SummaryView } from '../core/view.ts';
import { family, type MetricName } from './catalogue.ts';
import { CONTENT_TYPE, head, line } from './exposition.ts';
import { instancesText } from './instances.ts';
import { ProbeSeries } from './probe-series.ts';
import { ProberSeries } from './prober-series.ts';
import { RegistrySeries } from './registry-series.ts';
import { servicesText } from './services.ts';
import { ShadowSeries } from './shadow-series.ts';
import { Transitions } from './transitions.ts';
import { type WebhookNumbers, webhooksText } from './webhooks.ts';

export interface MetricsDeps {
  readonly version: string;
  /** Kind of the probe of a check. */
  readonly kindOf: (check: string) => string;
  readonly summary: () => SummaryView;
  readonly services: () => Iterable<ServiceView>;
  /** In an order in which instances at the same address of a service are neighbours. */
  readonly samples: () => Iterable<InstanceSample>;
  /** By name of the consumer; default none. */
  readonly consumers?: () => ReadonlyMap<string, Told>;
  readonly configuration: () => ConfigurationState;
  /** Whether what is learnt is kept over a restart; undefined where it is not asked to be. */
  readonly kept: () => boolean | undefined;
  /** By name. */
  readonly webhooks: () => ReadonlyMap<string, WebhookNumbers>;
}

interface Told {
  readonly told: number;
  readonly failed: number;
}

interface ConfigurationState {
  /** The last configuration read was applied. */
  readonly applied: boolean;
  /** `Clock.wall()` when one was last applied. */
  readonly appliedAt: number;
}

export interface Metrics {
  /** Never throws, never waits. */
  readonly take: Reporter;
  /** Of both pages. */
  readonly contentType: string;
  /** `/metrics` in pieces. */
  text(): AsyncIterable<string>;
  /** `/metrics/instances` in pieces. */
  instancesText(): Iterable<string>;
}

export function createMetrics(deps: MetricsDeps): Metrics {
  return new PrometheusMetrics(deps);
}

const LATENESS_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

class PrometheusMetrics implements Metrics {
  readonly contentType = CONTENT_TYPE;
  readonly #deps: MetricsDeps;
  readonly #registry = new Registry();
  readonly #probes: ProbeSeries;
  readonly #registries: RegistrySeries;
  readonly #prober: ProberSeries;
  readonly #shadows: ShadowSeries;
  readonly #transitions = new Transitions();
  /** Targets of each instance, to take them out when it goes. */
  readonly #targets = new Map<InstanceId, readonly TargetId[]>();
  readonly #lateness: Histogram;
  readonly #slotsSkipped: Counter;
  readonly #targetCount = this.#gauge('sonde_targets');
  readonly #inFlight = this.#gauge('sonde_probes_in_flight');
  readonly #applied = this.#gauge('sonde_config_last_reload_successful');
  readonly #appliedAt = this.#gauge('sonde_config_last_reload_success_timestamp_seconds');
  readonly #consumers: Counter;
  #skippedBefore = 0;

  constructor(deps: MetricsDeps) {
    this.#deps = deps;
    const to = { registers: [this.#registry] };
    this.#probes = new ProbeSeries(this.#registry, deps.kindOf);
    this.#registries = new RegistrySeries(this.#registry);
    this.#prober = new ProberSeries(this.#registry);
    this.#shadows = new ShadowSeries(this.#registry);
    const lateness = family('sonde_schedule_lateness_seconds');
    this.#lateness = new Histogram({
      name: lateness.name,
      help: lateness.help,
      buckets: LATENESS_BUCKETS,
      ...to,
    });
    const skipped = family('sonde_slots_skipped_total');
    this.#slotsSkipped = new Counter({ name: skipped.name, help: skipped.help, ...to });
    const { name, help, labels } = family('sonde_consumer_told_total');
    this.#consumers = new Counter({ name, help, labelNames: labels, ...to });
    this.#gauge('sonde_build_info').set({ version: deps.version, node: process.versions.node }, 1);
    collectDefaultMetrics({ register: this.#registry });
  }

  readonly take = (report: Report): void => {
    switch (report.kind) {
      case 'instance': {
        const { instance, targets } = report;
        this.#transitions.appear(instance);
        const ids = targets.map(({ id }) => id);
        const before = this.#targets.get(instance.id) ?? [];
        this.#targets.set(instance.id, ids);
        for (const target of targets) this.#know(target);
        for (const id of before) if (!ids.includes(id)) this.#forget(id);
        break;
      }
      case 'departed':
        this.#transitions.depart(report.instance);
        for (const id of this.#targets.get(report.instance) ?? []) this.#forget(id);
        this.#targets.delete(report.instance);
        break;
      case 'observed': {
        const { observation, verdict, shadow } = report;
        this.#probes.count(observation);
        this.#shadows.judged(observation.target, verdict.health, shadow?.verdict.health);
        break;
      }
      case 'health':
        this.#transitions.count(report.instance, report.from, report.to);
        break;
      case 'receipt':
        this.#registries.count(report.registry, report.receipt, report.lag);
        break;
      case 'numbers':
        this.#take(report.numbers);
        break;
      case 'target-transition':
      case 'told':
      case 'desired':
      case 'registry':
      case 'event':
        break;
      default:
        report satisfies never;
    }
  };

  async *text(): AsyncGenerator<string> {
    const { registries, prober } = this.#deps.summary();
    const { applied, appliedAt } = this.#deps.configuration();
    this.#registries.refresh(registries);
    this.#prober.refresh(prober);
    this.#applied.set(Number(applied));
    this.#appliedAt.set(appliedAt / 1_000);
    this.#tellConsumers();
    yield await this.#registry.metrics();
    yield* servicesText([...this.#deps.services()]);
    yield* this.#transitions.text();
    const kept = this.#deps.kept();
    const described = family('sonde_state_kept');
    if (kept !== undefined) yield head(described) + line(described, [], Number(kept));
    yield* webhooksText(this.#deps.webhooks());
  }

  instancesText(): Iterable<string> {
    return instancesText(this.#deps.samples);
  }

  #know(target: Target): void {
    this.#probes.add(target);
    this.#shadows.add(target);
  }

  #forget(id: TargetId): void {
    this.#probes.remove(id);
    this.#shadows.remove(id);
  }

  #take(numbers: EngineNumbers): void {
    const { targets, inFlight, slotsSkipped, lateness } = numbers;
    this.#prober.numbers(numbers);
    this.#targetCount.set(targets);
    this.#inFlight.set(inFlight);
    // An engine that began anew counts from 0 again.
    const more = slotsSkipped - this.#skippedBefore;
    this.#slotsSkipped.inc(more < 0 ? slotsSkipped : more);
    this.#skippedBefore = slotsSkipped;
    for (const late of lateness) this.#lateness.observe(late / 1_000);
  }

  /** They count themselves; those that are not configured any more go. */
  #tellConsumers(): void {
    this.#consumers.reset();
    for (const [consumer, { told, failed }] of this.#deps.consumers?.() ?? []) {
      this.#consumers.inc({ consumer, result: 'told' }, told);
      this.#consumers.inc({ consumer, result: 'failed' }, failed);
    }
  }

  #gauge(name: MetricName): Gauge {
    const { help, labels } = family(name);
    return new Gauge({ name, help, labelNames: labels, registers: [this.#registry] });
  }
}
