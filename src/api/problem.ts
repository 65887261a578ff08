/** What went wrong with a request, as RFC 9457 problem documents. */

import type { TextResponse } from './message.ts';

/** The `type` is `urn:sonde:problem:<name>`. */
const PROBLEMS = {
  'bad-request': [400, 'The request is not understood'],
  'bad-parameter': [400, 'A parameter is wrong'],
  'bad-body': [400, 'The body is not what is asked for'],
  'token-needed': [401, 'A token is needed'],
  'foreign-page': [403, 'The request comes from a foreign page'],
  'not-found': [404, 'There is no such thing'],
  'method-not-allowed': [405, 'The method is not allowed here'],
  'request-timeout': [408, 'The request took too long'],
  ambiguous: [409, 'More than one thing has this name'],
  'body-too-large': [413, 'The body is too large'],
  'configuration-rejected': [422, 'The configuration was not reloaded'],
  'headers-too-large': [431, 'The header fields are too large'],
  'internal-error': [500, 'sonde made a mistake'],
  unavailable: [503, 'Not now'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemName = keyof typeof PROBLEMS;

/** `more` are extension members; `detail` is one sentence for people. */
export function problem(
  name: ProblemName,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): TextResponse {
  const [status, title] = PROBLEMS[name];
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: `${JSON.stringify({ type: `urn:sonde:problem:${name}`, title, status, detail, ...more })}\n`,
  };
}
