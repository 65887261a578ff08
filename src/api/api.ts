/** The HTTP interface (DESIGN 3.3) as a function from request to answer. */

import type { Board } from '../board/board.ts';
import type { Log } from '../core/log.ts';
import { type AccessRules, refuseChange } from './access.ts';
import { listRoutes, noInstance } from './lists.ts';
import { type ApiRequest, type ApiResponse, json } from './message.ts';
import { type OwnHealthDeps, ownHealthRoutes } from './own-health.ts';
import { problem } from './problem.ts';
import { Query } from './query.ts';
import { findRoute, type Route } from './router.ts';
import { serviceHealthRoutes } from './service-health.ts';

export interface ApiDeps extends OwnHealthDeps, AccessRules {
  readonly board: Board;
  readonly log: Log;
  /** Looks at all targets of the instance at once; false if there is no such instance. */
  readonly probeNow: (id: string) => boolean;
  /** Writes over what contests the instance; false if there is no such instance. */
  readonly overwrite: (id: string) => boolean;
  /** Lets through what the brake of the registry holds now; false if there is no such registry. */
  readonly releaseGuard: (registry: string) => boolean;
}

/** Never throws: a mistake of ours is logged and answered with 500. */
export type Api = (request: ApiRequest) => ApiResponse;

export function createApi(deps: ApiDeps): Api {
  const routes: readonly Route[] = [
    ...ownHealthRoutes(deps),
    ...serviceHealthRoutes(deps.board),
    ...listRoutes(deps.board),
    change('/v1/instances/:id/probe', (id) => (deps.probeNow(id) ? json(202, { id }) : noInstance(id))),
    change('/v1/instances/:id/overwrite', (id) => (deps.overwrite(id) ? json(202, { id }) : noInstance(id))),
    change('/v1/registries/:id/release-guard', (name) =>
      deps.releaseGuard(name)
        ? json(202, { registry: name })
        : problem('not-found', `There is no registry ${JSON.stringify(name)}.`),
    ),
  ];
  const telemetry = routes.filter((route) => route.telemetry);
  return (request) => {
    try {
      return answer(request.door === 'telemetry' ? telemetry : routes, request, deps);
    } catch (error) {
      deps.log.error('A request could not be answered because of a mistake in sonde', {
        error: describe(error),
      });
      return problem('internal-error', 'The log of the server says more.');
    }
  };
}

/** A route that changes state: never on the telemetry listener, and only for who may. */
function change(path: string, answer: (id: string) => ApiResponse): Route {
  return {
    method: 'POST',
    path,
    telemetry: false,
    answer: ({ query, parameters: { id = '' } }) => query.refusal() ?? answer(id),
  };
}

function answer(routes: readonly Route[], request: ApiRequest, rules: AccessRules): ApiResponse {
  const { method, target } = request;
  const [path = '', search = ''] = split(target);
  if (!path.startsWith('/')) return problem('bad-request', 'The request target is not a path.');
  const found = findRoute(routes, method, path);
  switch (found.kind) {
    case 'malformed':
      return problem('bad-request', 'The path is not well-formed.');
    case 'nothing':
      return problem('not-found', 'There is nothing at this path.');
    case 'method':
      return problem('method-not-allowed', `Here go ${found.allow}.`, {}, { allow: found.allow });
    case 'route': {
      const { route, parameters } = found;
      const refusal = route.method === 'GET' ? undefined : refuseChange(request, rules);
      return refusal ?? route.answer({ parameters, query: new Query(search) });
    }
    default:
      return found satisfies never;
  }
}

/** Path and query. */
function split(target: string): readonly [string, string] {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
