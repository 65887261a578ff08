/** Requests and answers as the API sees them: no sockets, so that a test can be the client. */

/** `main` has everything, `telemetry` only what changes and tells nothing in detail, `socket` is `main` for trusted callers. */
export type Door = 'main' | 'telemetry' | 'socket';

export interface ApiRequest {
  readonly door: Door;
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Empty where none was sent. */
  readonly body?: string;
  /** Address of the caller; absent on the unix socket. */
  readonly from?: string;
}

/** An answer that goes on until the signal aborts: each piece is sent as soon as it is made. */
export interface Live {
  readonly live: (signal: AbortSignal) => AsyncIterable<string>;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Pieces are sent while they are made. */
  readonly body: string | Iterable<string> | AsyncIterable<string> | Live;
}

/** An answer of one piece. */
export interface TextResponse extends ApiResponse {
  readonly body: string;
}

export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): TextResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** The one value of a header; undefined if it is absent or was sent more than once. */
export function header(request: ApiRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
