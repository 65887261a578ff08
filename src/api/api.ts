/** The HTTP interface (DESIGN 3.3) as a function from request to answer. */

import type { Board } from '../board/board.ts';
import type { Clock } from '../core/clock.ts';
import type { ConfigurationView, ExplainView } from '../core/explain-view.ts';
import type { Log } from '../core/log.ts';
import { type AccessRules, refuseChange } from './access.ts';
import { type ControlDeps, controlRoutes } from './control.ts';
import { unlessKnown } from './etag.ts';
import { explainRoutes } from './explain.ts';
import { listRoutes } from './lists.ts';
import type { ApiRequest, ApiResponse } from './message.ts';
import { openApiRoute } from './open-api.ts';
import { type OwnHealthDeps, ownHealthRoutes } from './own-health.ts';
import { problem } from './problem.ts';
import { prometheusSdRoutes } from './prometheus-sd.ts';
import { Query } from './query.ts';
import { findRoute, type Route } from './router.ts';
import { serviceHealthRoutes } from './service-health.ts';
import { streamRoutes } from './stream.ts';

export interface ApiDeps extends OwnHealthDeps, ControlDeps, AccessRules {
  readonly board: Board;
  readonly log: Log;
  readonly clock: Clock;
  /** Undefined where there is no such instance. */
  readonly explain: (id: string) => ExplainView | undefined;
  readonly configuration: () => ConfigurationView;
}

/** Never throws and never rejects: a mistake of ours is logged and answered with 500. */
export type Api = (request: ApiRequest) => ApiResponse | Promise<ApiResponse>;

export function createApi(deps: ApiDeps): Api {
  const own: readonly Route[] = [
    ...ownHealthRoutes(deps),
    ...serviceHealthRoutes(deps.board),
    ...listRoutes(deps.board),
    ...prometheusSdRoutes(deps.board),
    ...explainRoutes(deps),
    ...streamRoutes(deps),
    ...controlRoutes(deps),
  ];
  const routes = [...own, openApiRoute(own)];
  const telemetry = routes.filter((route) => route.telemetry);
  const mistake = (error: unknown): ApiResponse => {
    deps.log.error('A request could not be answered because of a mistake in sonde', {
      error: describe(error),
    });
    return problem('internal-error', 'The log of the server says more.');
  };
  return (request) => {
    try {
      const answered = answer(request.door === 'telemetry' ? telemetry : routes, request, deps);
      return answered instanceof Promise ? answered.catch(mistake) : answered;
    } catch (error) {
      return mistake(error);
    }
  };
}

function answer(
  routes: readonly Route[],
  request: ApiRequest,
  rules: AccessRules,
): ApiResponse | Promise<ApiResponse> {
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
      if (refusal !== undefined) return refusal;
      const answered = route.answer({ parameters, query: new Query(search), request });
      return answered instanceof Promise ? answered : unlessKnown(request, answered);
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
