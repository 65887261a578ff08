/** What `sonde status` is made of, and what of it is not well. Pure but for the asking. */

import type { ConfigurationView } from '../core/explain-view.ts';
import type { Health } from '../core/health.ts';
import type { Intervention } from '../core/intervention.ts';
import type { ServiceView } from '../core/list-view.ts';
import type { SummaryView } from '../core/view.ts';
import type { Client, Failed } from './client.ts';

export interface Facts {
  readonly summary: SummaryView;
  readonly configuration: ConfigurationView;
  readonly services: readonly ServiceView[];
  readonly interventions: readonly Intervention[];
}

export async function gatherFacts(
  client: Client,
  signal: AbortSignal,
): Promise<{ readonly kind: 'facts'; readonly facts: Facts } | Failed> {
  const [summary, configuration, services, interventions] = await Promise.all([
    client.get<SummaryView>('/v1/summary', signal),
    client.get<ConfigurationView>('/v1/configuration', signal),
    client.list<ServiceView>('/v1/services', {}, signal),
    client.get<{ readonly items: readonly Intervention[] }>('/v1/interventions', signal),
  ]);
  if (summary.kind === 'failed') return summary;
  if (configuration.kind === 'failed') return configuration;
  if (services.kind === 'failed') return services;
  if (interventions.kind === 'failed') return interventions;
  return {
    kind: 'facts',
    facts: {
      summary: summary.value,
      configuration: configuration.value,
      services: services.value,
      interventions: interventions.value.items,
    },
  };
}

/** A sentence for each thing that is not well; a dead instance beside others that serve is none. */
export function troublesOf({ summary, configuration, services }: Facts): readonly string[] {
  const { registries, firstRound, localHealth, prober } = summary;
  const { rejected, state } = configuration;
  return [
    ...registries
      .filter(({ snapshotAge }) => snapshotAge === null)
      .map(({ name }) => `registry ${name} was never listed`),
    ...registries
      .filter(({ up, snapshotAge }) => !up && snapshotAge !== null)
      .map(
        ({ name, snapshotAge }) => `registry ${name} does not answer, for ${Math.round(snapshotAge ?? 0)} s`,
      ),
    ...registries.flatMap(({ name, notices }) => notices.map((notice) => `registry ${name}: ${notice}`)),
    ...(firstRound.done < firstRound.total
      ? [`the first round is not over: ${firstRound.done} of ${firstRound.total} targets were looked at`]
      : []),
    ...(localHealth > 0 || prober.quarantinedUntil !== null ? [doubtOf(summary)] : []),
    ...(prober.suspectsSelf ? ['nobody is reached any more: this prober suspects itself'] : []),
    ...services
      .filter(({ instances }) => instances.dead > 0 && serving(instances) === 0)
      .map(
        ({ namespace, service, instances }) =>
          `${namespace}/${service} has nobody who serves: ${instances.dead} of ${sum(instances)} dead`,
      ),
    ...(state?.problem == null ? [] : [`nothing is kept over a restart: ${state.problem}`]),
    ...(rejected === null
      ? []
      : [`the last reload was rejected at ${rejected.at}; nothing was changed by it`]),
  ];
}

function doubtOf({ localHealth, prober }: SummaryView): string {
  const { reasons, quarantinedUntil, anchors } = prober;
  const missed = anchors.filter(({ reached }) => reached === false).map(({ anchor }) => anchor);
  const why = [...reasons, ...(missed.length === 0 ? [] : [`not reached: ${missed.join(', ')}`])];
  const because = why.length === 0 ? '' : ` (${why.join('; ')})`;
  const until =
    quarantinedUntil === null
      ? ''
      : `; failures that it sees count for nothing until ${quarantinedUntil.slice(11, 19)} at least`;
  return `this prober doubts itself: local health ${localHealth}, 0 would be well${because}${until}`;
}

/** Those with dead or sub-healthy instances, the worst first. */
export function worstServices(services: readonly ServiceView[], most: number): readonly ServiceView[] {
  const share = ({ instances }: ServiceView): number =>
    (instances.dead * 1_000 + instances['sub-healthy']) / Math.max(1, sum(instances));
  return services
    .filter((service) => share(service) > 0)
    .toSorted((a, b) => share(b) - share(a))
    .slice(0, most);
}

export function sum(instances: Readonly<Record<Health, number>>): number {
  return Object.values(instances).reduce((total, count) => total + count, 0);
}

function serving(instances: Readonly<Record<Health, number>>): number {
  return instances.healthy + instances['sub-healthy'];
}
