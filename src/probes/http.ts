/** The probe `http`: one request, on a fresh connection unless told otherwise, and what its answer must be. */

import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { Instance } from '../core/instance.ts';
import type { Outcome, Readings } from '../core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../core/probe.ts';
import { codeOf, fail, failure, messageOf, skip, timeoutIn } from './cause.ts';
import { type ConnectionDeps, open } from './connection.ts';
import { authorization } from './credentials.ts';
import { type Exchanged, exchange, ORIGIN } from './exchange.ts';
import { unmet } from './expectation.ts';
import { type HttpOptions, httpOptions } from './http-options.ts';
import { hangUp, KeptClients, type Line } from './kept.ts';
import { type Hop, hostHeader, nextHop } from './redirect.ts';
import { SmallFiles } from './small-files.ts';
import { fill } from './template.ts';

export const httpProbe: ProbePlugin<HttpOptions> = {
  name: 'http',
  summary: 'Sends one HTTP request and looks at status, headers and body of the answer.',
  options: httpOptions,
  create: (given, deps) => new HttpProbe(given, deps),
};

/** What can stand in a request line and a header field; anything else a template brought in is refused. */
const PATH = /^\/[\x21-\x7e]*$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\u{ffff}]*$/u;

/** Milliseconds for which a kept connection may idle before we close it. */
const KEEP_ALIVE = 65_000;

/** What came of a request, and what was seen on the way. */
type Told =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'exchanged'; readonly exchanged: Exchanged; readonly readings: Readings };

class HttpProbe implements Probe {
  readonly #options: HttpOptions;
  readonly #deps: ConnectionDeps;
  readonly #kept: KeptClients;

  constructor(given: HttpOptions, deps: ProbeDeps) {
    this.#options = given;
    const { clock, resolve, connectTimeout, timeout, baseDir, scope } = deps;
    this.#deps = { clock, resolve, connectTimeout, timeout, files: new SmallFiles(clock, baseDir) };
    this.#kept = scope.use(new KeptClients(clock));
  }

  async run(...[instance, signal]: Parameters<Probe['run']>): Promise<Outcome> {
    const { clock } = this.#deps;
    const started = clock.now();
    const first = await this.#firstHop(instance);
    if ('kind' in first) return first;
    let hop = first;
    for (let redirects = 0; ; redirects++) {
      const told =
        hop.request.last || redirects > 0
          ? await this.#onFresh(hop, instance, signal)
          : await this.#onKept(hop, instance, signal);
      if (told.kind === 'outcome') return told.outcome;
      const { exchanged, readings } = told;
      if (exchanged.kind === 'timeout') return timeoutIn('request', this.#deps.timeout, readings);
      if (exchanged.kind === 'error') return exchangeFailure(exchanged.error, readings);
      const { answer, firstByte } = exchanged;
      const next =
        redirects < this.#options.redirects ? nextHop(hop, answer, instance, this.#options.tls) : undefined;
      if (next === undefined) {
        const phases = { ...readings.phases, firstByte, total: clock.now() - started };
        const seen: Readings = { ...readings, status: answer.status, phases };
        const wrong = unmet(this.#options.expect, answer);
        return wrong === undefined ? { kind: 'pass', readings: seen } : fail(wrong.cause, wrong.detail, seen);
      }
      hop = next;
    }
  }

  /** The first request, or why there cannot be one. */
  async #firstHop(instance: Instance): Promise<Hop | Outcome> {
    const { address, port, family, tls, method, body, auth, host, connection } = this.#options;
    const path = fill(this.#options.path, instance);
    if (path === undefined || !PATH.test(path)) return noValue('path');
    const name = host === undefined ? undefined : fill(host, instance);
    const headers: Record<string, string> = {
      host: name ?? hostHeader(fill(address, instance) ?? '', fill(port, instance) ?? '', tls !== undefined),
      'user-agent': 'sonde',
    };
    for (const [field, value] of Object.entries(this.#options.headers))
      headers[field.toLowerCase()] = fill(value, instance) ?? '\n';
    for (const [field, value] of Object.entries(headers))
      if (!HEADER_VALUE.test(value)) return noValue(`header ${field}`);
    try {
      if (auth !== undefined) headers.authorization = await authorization(auth, this.#deps.files);
    } catch (error) {
      return skip('plugin-error', `credentials: ${messageOf(error)}`);
    }
    return {
      to: { address, port, family, tls, protocols: ['http/1.1'] },
      request: { method, path, headers, body, last: connection === 'fresh' },
    };
  }

  async #onFresh(hop: Hop, instance: Instance, signal: AbortSignal): Promise<Told> {
    const opened = await open(hop.to, instance, this.#deps, signal);
    if (opened.kind === 'outcome') return opened;
    const line = { client: clientOn(opened.socket), connection: opened };
    const exchanged = await this.#exchange(line, hop, instance, signal);
    return { kind: 'exchanged', exchanged, readings: opened.readings };
  }

  /** On the kept connection; that the other side had closed it meanwhile says nothing about the instance. */
  async #onKept(hop: Hop, instance: Instance, signal: AbortSignal): Promise<Told> {
    const line = this.#kept.take(instance.id);
    if (line === undefined) return this.#onFresh(hop, instance, signal);
    const exchanged = await this.#exchange(line, hop, instance, signal);
    const stale = exchanged.kind === 'error' && exchanged.untouched;
    return stale ? this.#onFresh(hop, instance, signal) : { kind: 'exchanged', exchanged, readings: {} };
  }

  /** Afterwards the line is kept for the next look or closed. */
  async #exchange(line: Line, hop: Hop, instance: Instance, signal: AbortSignal): Promise<Exchanged> {
    const exchanged = await exchange(
      line.client,
      hop.request,
      this.#options.maxBody,
      this.#deps.clock,
      signal,
    );
    const complete = exchanged.kind === 'answer' && !exchanged.answer.truncated;
    if (complete && !hop.request.last) this.#kept.giveBack(instance.id, line);
    else hangUp(line, this.#options.close);
    return exchanged;
  }
}

/** A client on a connection that is already there; it makes no other. */
function clientOn(socket: Socket): Client {
  let given = false;
  return new Client(ORIGIN, {
    keepAliveTimeout: KEEP_ALIVE,
    connect: (_options, done) => {
      const again = given;
      given = true;
      // undici drops its own wake-up when it is answered while it asks.
      queueMicrotask(() => (again ? done(new Error('the connection was closed'), null) : done(null, socket)));
    },
  });
}

function noValue(what: string): Outcome {
  return skip('plugin-error', `the template of ${what} gives no usable value for this instance`);
}

/** undici calls an unasked-for 100 a bad response of the socket; to us it is the target's protocol. */
function exchangeFailure(error: unknown, readings: Readings): Outcome {
  if (codeOf(error) === 'UND_ERR_SOCKET' && messageOf(error) === 'bad response')
    return fail('protocol', 'answer: an informational answer that was not asked for', readings);
  return failure(error, 'request', readings);
}
