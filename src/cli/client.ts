/** Asks a running sonde over HTTP. */

import { Agent, request } from 'undici';
import type { Clock } from '../core/clock.ts';

/** What came of a question; `sentence` says to a person why nothing did. */
export type Fetched<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'failed'; readonly sentence: string };

export const DEFAULT_SERVER = 'http://127.0.0.1:9810';

/** Milliseconds for one answer. */
const TIMEOUT = 10_000;
const PAGE = '1000';

/** The base of all paths; undefined where the text is no http(s) URL. */
export function parseServer(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') ? url : undefined;
}

export class Client implements AsyncDisposable {
  readonly #server: URL;
  readonly #clock: Clock;
  readonly #agent = new Agent();

  constructor(server: URL, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  /** All members of a list, page by page; `T` is what the server says they are. */
  async list<T>(
    path: string,
    filters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Fetched<readonly T[]>> {
    const members: T[] = [];
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const parameters: Record<string, string> = {
        ...filters,
        limit: PAGE,
        ...(cursor === null ? {} : { cursor }),
      };
      const page = await this.#get(path, parameters, signal);
      if (page.kind === 'failed') return page;
      if (!isPage<T>(page.value)) return this.#failed('the answer is not one of sonde');
      members.push(...page.value.items);
      cursor = page.value.nextCursor;
      if (cursor !== null && seen.has(cursor)) return this.#failed('its list has no end');
      if (cursor !== null) seen.add(cursor);
    } while (cursor !== null);
    return { kind: 'ok', value: members };
  }

  async #get(
    path: string,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Fetched<unknown>> {
    const url = new URL(this.#server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    url.search = new URLSearchParams(parameters).toString();
    using deadline = this.#clock.deadline(TIMEOUT, signal);
    try {
      const { statusCode, body } = await request(url, { dispatcher: this.#agent, signal: deadline.signal });
      const text = await body.text();
      const value = parseJson(text);
      if (statusCode === 200) return { kind: 'ok', value };
      return this.#failed(`it refused with ${statusCode}${detailOf(value)}`);
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.expired) return this.#failed(`no answer within ${TIMEOUT / 1_000} s`);
      return this.#failed(
        `${explain(error)} (is "sonde run" running there? --server or SONDE_SERVER say where else)`,
      );
    }
  }

  #failed(why: string): Fetched<never> {
    return { kind: 'failed', sentence: `${this.#server.origin}: ${why}` };
  }
}

function isPage<T>(
  value: unknown,
): value is { readonly items: readonly T[]; readonly nextCursor: string | null } {
  if (typeof value !== 'object' || value === null || !('items' in value) || !('nextCursor' in value))
    return false;
  return Array.isArray(value.items) && (typeof value.nextCursor === 'string' || value.nextCursor === null);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Of a problem document. */
function detailOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('detail' in value)) return '';
  return typeof value.detail === 'string' ? `: ${value.detail}` : '';
}

const CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such name',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
};

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return CODES[code] ?? (error instanceof Error ? error.message : String(error));
}
