/** Asks a running sonde over HTTP. */

import { Agent, request } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { Server } from './server.ts';
import type { Token } from './token.ts';

/** What came of a question; `sentence` says to a person why nothing did. */
export type Fetched<T> = { readonly kind: 'ok'; readonly value: T } | Failed;

export interface Failed {
  readonly kind: 'failed';
  readonly sentence: string;
  /** Of the answer, null where there was none. */
  readonly status: number | null;
  /** Body of the answer, if it was JSON. */
  readonly body: unknown;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface ClientDeps {
  readonly server: Server;
  readonly clock: Clock;
  /** PEM. */
  readonly ca?: string;
  readonly token: () => Promise<Token>;
}

interface Question {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly parameters?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the answer. */
  readonly patience?: number;
}

const PATIENCE = 10_000;
const PAGE = '1000';

export class Client implements AsyncDisposable {
  readonly #deps: ClientDeps;
  readonly #agent: Agent;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
    const { socket } = deps.server;
    this.#agent = new Agent({
      connect: {
        ...(socket === undefined ? {} : { socketPath: socket }),
        ...(deps.ca === undefined ? {} : { ca: deps.ca }),
      },
    });
  }

  get name(): string {
    return this.#deps.server.name;
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
      const page: Fetched<unknown> = await this.get(path, signal, parameters);
      if (page.kind === 'failed') return page;
      if (!isPage<T>(page.value)) return this.#foreign();
      members.push(...page.value.items);
      cursor = page.value.nextCursor;
      if (cursor !== null && seen.has(cursor)) return this.#failed('its list has no end');
      if (cursor !== null) seen.add(cursor);
    } while (cursor !== null);
    return { kind: 'ok', value: members };
  }

  /** One JSON object; `T` is what the server says it is. */
  async get<T>(
    path: string,
    signal: AbortSignal,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Fetched<T>> {
    const answer = await this.ask(path, { parameters }, signal);
    return answer.kind === 'failed' ? answer : this.#read(answer);
  }

  /** Asks for a change, with the token. An answer without content is an empty object. */
  async change<T>(
    method: 'POST' | 'DELETE',
    path: string,
    body: unknown,
    signal: AbortSignal,
    patience = PATIENCE,
  ): Promise<Fetched<T>> {
    const token = await this.#deps.token();
    if (token.kind === 'refused') return this.#failed(token.sentence);
    const answer = await this.ask(
      path,
      {
        method,
        patience,
        headers: {
          ...(token.kind === 'token' ? { authorization: `Bearer ${token.token}` } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      signal,
    );
    if (answer.kind === 'failed') return answer;
    if (answer.status === 401) {
      const why =
        token.kind === 'token'
          ? 'the token that was sent is not its token'
          : `no token was sent; looked for it ${token.looked}`;
      const place = tokenFileOf(answer.text);
      const where = place === undefined ? '' : `; its token is in ${place}`;
      return this.#failed(`it refused: ${why}${where} (--token-file, SONDE_TOKEN_FILE)`, answer.status);
    }
    return this.#read(answer);
  }

  /** Any answer at all. */
  async ask(path: string, question: Question, signal: AbortSignal): Promise<Answer | Failed> {
    const { method = 'GET', parameters = {}, headers = {}, body, patience = PATIENCE } = question;
    using deadline = this.#deps.clock.deadline(patience, signal);
    try {
      const answer = await request(this.#url(path, parameters), {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        dispatcher: this.#agent,
        signal: deadline.signal,
      });
      const text = await answer.body.text();
      return { kind: 'answer', status: answer.statusCode, headers: answer.headers, text };
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.expired) return this.#failed(`no answer within ${patience / 1_000} s`);
      return this.#unreachable(error);
    }
  }

  #url(path: string, parameters: Readonly<Record<string, string>>): URL {
    const url = new URL(this.#deps.server.url);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    url.search = new URLSearchParams(parameters).toString();
    return url;
  }

  #read<T>({ status, text }: Answer): Fetched<T> {
    const value = parseJson(text === '' ? '{}' : text);
    if (status < 200 || status > 299)
      return this.#failed(`it refused with ${status}${detailOf(value)}`, status, value);
    return isObject<T>(value) ? { kind: 'ok', value } : this.#foreign();
  }

  #foreign(): Failed {
    return this.#failed('the answer is not one of sonde');
  }

  #unreachable(error: unknown): Failed {
    return this.#failed(
      `${explain(error)} (is "sonde run" running there? --server or SONDE_SERVER say where else)`,
    );
  }

  #failed(why: string, status: number | null = null, body: unknown = undefined): Failed {
    return { kind: 'failed', sentence: `${this.name}: ${why}`, status, body };
  }
}

function isPage<T>(
  value: unknown,
): value is { readonly items: readonly T[]; readonly nextCursor: string | null } {
  if (typeof value !== 'object' || value === null || !('items' in value) || !('nextCursor' in value))
    return false;
  return Array.isArray(value.items) && (typeof value.nextCursor === 'string' || value.nextCursor === null);
}

/** Whose members are what the server says they are. */
function isObject<T>(value: unknown): value is T {
  return typeof value === 'object' && value !== null;
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

/** Only told, never read by itself: whoever listens there might name any file of ours. */
function tokenFileOf(text: string): string | undefined {
  try {
    const { tokenFile }: { readonly tokenFile?: unknown } = JSON.parse(text) ?? {};
    return typeof tokenFile === 'string' ? tokenFile : undefined;
  } catch {
    return undefined;
  }
}

const CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOENT: 'there is no such socket',
  ENOTDIR: 'there is no such socket',
  EACCES: 'the socket is for somebody else',
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
