/** `/v1/sd/prometheus`: what sonde knows as targets for Prometheus, in the format of its HTTP service discovery. */

import type { Board } from '../board/board.ts';
import type { InstanceView } from '../core/view.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { INSTANCE_PARAMETERS, readInstanceFilter } from './filters.ts';
import { json } from './message.ts';
import type { Route } from './router.ts';

export function prometheusSdRoutes(board: Board): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/sd/prometheus',
      telemetry: true,
      about: {
        summary: 'Instances as targets, for http_sd of Prometheus',
        query: INSTANCE_PARAMETERS,
        answers: { 200: 'TargetGroups' },
        problems: [400],
      },
      answer: ({ query, request }) => {
        const filter = readInstanceFilter(query);
        // What registrants say of themselves may concern nobody on a network.
        const detailed = request.door !== 'telemetry';
        // Prometheus takes the list as a whole: it has no pages.
        const groups = (): readonly object[] =>
          [...board.instances(filter)].map((instance) => groupOf(instance, detailed));
        return query.refusal() ?? json(200, groups());
      },
    },
  ];
}

function groupOf(instance: InstanceView, withMetadata: boolean) {
  const { id, registry, namespace, service, host, port, health, metadata } = instance;
  const labels: Record<string, string> = {
    __meta_sonde_id: id,
    __meta_sonde_registry: registry,
    __meta_sonde_namespace: namespace,
    __meta_sonde_service: service,
    __meta_sonde_health: health,
  };
  // Names of labels are letters, digits and underscores (Prometheus, data model).
  for (const [key, value] of withMetadata ? Object.entries(metadata) : [])
    labels[`__meta_sonde_metadata_${key.replace(/[^A-Za-z0-9_]/g, '_')}`] = value;
  return { targets: [formatHostPort(host, port)], labels };
}
