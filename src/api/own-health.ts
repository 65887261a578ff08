/** `/livez`, `/readyz`, `/metrics…`: what those want to know who run sonde. */

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
    get('/livez', () => json(200, { alive: true })),
    get('/readyz', () => {
      const { ready, waitingFor } = deps.ready();
      if (ready) return json(200, { ready });
      return problem('unavailable', `Waiting for ${waitingFor.join(', ')}.`, { waitingFor });
    }),
    get('/metrics', () => exposition(deps.metrics())),
    get('/metrics/instances', () => exposition(deps.instanceMetrics())),
  ];

  function exposition(body: ApiResponse['body']): ApiResponse {
    return { status: 200, headers: { 'content-type': deps.metricsContentType }, body };
  }
}

function get(path: string, answer: () => ApiResponse): Route {
  return { method: 'GET', path, telemetry: true, answer };
}
