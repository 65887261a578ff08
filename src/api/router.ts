/** Which route a request means. */

import type { About } from './about.ts';
import type { ApiRequest, ApiResponse } from './message.ts';
import type { Query } from './query.ts';

export interface Call {
  /** What stood at the `:name`s of the path, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly request: ApiRequest;
}

export interface Route {
  /** What is not GET changes state: it needs the token or the socket. GET is HEAD too. */
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Segments that begin with `:` match any one segment. */
  readonly path: string;
  /** Told on the telemetry door too. */
  readonly telemetry: boolean;
  /** For people and for `/openapi.json`. */
  readonly about: About;
  answer(call: Call): ApiResponse | Promise<ApiResponse>;
}

export type Found =
  | { readonly kind: 'route'; readonly route: Route; readonly parameters: Readonly<Record<string, string>> }
  | { readonly kind: 'method'; readonly allow: string }
  | { readonly kind: 'nothing' }
  /** The path is not well-formed. */
  | { readonly kind: 'malformed' };

export function findRoute(routes: readonly Route[], method: string, path: string): Found {
  const segments = decodeSegments(path);
  if (segments === undefined) return { kind: 'malformed' };
  const allowed = new Set<string>();
  for (const route of routes) {
    const parameters = matchPath(route.path, segments);
    if (parameters === undefined) continue;
    const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
    if (methods.includes(method)) return { kind: 'route', route, parameters };
    for (const one of methods) allowed.add(one);
  }
  return allowed.size > 0 ? { kind: 'method', allow: [...allowed].join(', ') } : { kind: 'nothing' };
}

function decodeSegments(path: string): readonly string[] | undefined {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function matchPath(path: string, segments: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pattern = path.split('/');
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, wanted] of pattern.entries()) {
    const segment = segments[i] ?? '';
    if (wanted.startsWith(':')) parameters[wanted.slice(1)] = segment;
    else if (wanted !== segment) return undefined;
  }
  return parameters;
}
