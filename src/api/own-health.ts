/** `/livez`, `/readyz`, `/metrics…`: what those want to know who run sonde. */

import type { About } from './about.ts';
import { type ApiResponse, json } from './message.ts';
import { problem } from './problem.ts';
import type { Route } from './router.ts';

interface Readiness {
  readonly ready: boolean;
  /** What it waits for: names of registries, `configuration`. */
  readonly waitingFor: readonly string[];
}

export interface OwnHealthDeps {
  readonly ready: () => Readiness;
  /** In pieces. */
  readonly metrics: () => AsyncIterable<string>;
  readonly instanceMetrics: () => Iterable<string>;
  readonly metricsContentType: string;
}

export function ownHealthRoutes(deps: OwnHealthDeps): readonly Route[] {
  return [
    get('/livez', 'Whether the process answers at all', 'Alive', () => json(200, { alive: true })),
    get('/readyz', 'Whether every registry was listed once', 'Ready', () => {
      const { ready, waitingFor } = deps.ready();
      if (ready) return json(200, { ready });
      return problem('unavailable', `Waiting for ${waitingFor.join(', ')}.`, { waitingFor });
    }),
    get('/metrics', 'Series per registry, service and check', EXPOSITION, () => exposition(deps.metrics())),
    get('/metrics/instances', 'Series per instance and target', EXPOSITION, () =>
      exposition(deps.instanceMetrics()),
    ),
  ];

  function exposition(body: ApiResponse['body']): ApiResponse {
    return { status: 200, headers: { 'content-type': deps.metricsContentType }, body };
  }
}

const EXPOSITION = { mediaType: 'text/plain' };

function get(
  path: string,
  summary: string,
  answered: About['answers'][number],
  answer: () => ApiResponse,
): Route {
  const about = { summary, answers: { 200: answered }, problems: path === '/readyz' ? [503] : [] };
  return { method: 'GET', path, telemetry: true, about, answer };
}
