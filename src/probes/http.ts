/** The probe `http`: one request, on a fresh connection unless told otherwise, and what its answer must be. */

import type { Instance } from '../core/instance.ts';
import type { Outcome, Readings } from '../core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../core/probe.ts';
import { codeOf, fail, failure, messageOf, ownFault, skip, timeoutIn } from './cause.ts';
import { type ConnectionDeps, connectionDeps, open } from './connection.ts';
import { authorization } from './credentials.ts';
import { clientOn, type Exchanged, exchange } from './exchange.ts';
import { unmet } from './expectation.ts';
import { type HttpOptions, httpOptions } from './http-options.ts';
import { KeptLines } from './kept.ts';
import { type Hop, hostHeader, nextHop } from './redirect.ts';
import { fill } from './template.ts';

export const httpProbe: ProbePlugin<HttpOptions> = {
  name: 'http',
  summary: 'Sends one HTTP request and looks at status, headers and body of the answer.',
  options: httpOptions,
  create: (given, deps) => new HttpProbe(given, deps),
};

/** What can stand in a request line and a header field; anything else a template brought in is refused. */
const PATH = /^\/[\x21-\x7e]*$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What came of a request, and what was seen on the way. */
type Told =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'exchanged'; readonly exchanged: Exchanged; readonly readings: Readings };

class HttpProbe implements Probe {
  readonly #options: HttpOptions;
  readonly #deps: ConnectionDeps;
  readonly #kept: KeptLines;

  constructor(given: HttpOptions, deps: ProbeDeps) {
    this.#options = given;
    this.#deps = connectionDeps(deps);
    this.#kept = deps.scope.use(new KeptLines());
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
    const name =
      host === undefined
        ? hostHeader(fill(address, instance) ?? '', fill(port, instance) ?? '', tls !== undefined)
        : fill(host, instance);
    if (name === undefined || !HEADER_VALUE.test(name)) return noValue('host');
    const headers: Record<string, string> = { host: name, 'user-agent': 'sonde' };
    for (const [field, given] of Object.entries(this.#options.headers)) {
      const value = fill(given, instance);
      if (value === undefined || !HEADER_VALUE.test(value)) return noValue(`header ${field}`);
      headers[field.toLowerCase()] = value;
    }
    if (auth !== undefined) {
      try {
        headers.authorization = await authorization(auth, this.#deps.files);
      } catch (error) {
        return ownFault(error, 'credentials');
      }
      // The value is in no message.
      if (!HEADER_VALUE.test(headers.authorization))
        return skip('plugin-error', 'credentials: not one line of text');
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
    const exchanged = await exchange(line, hop.request, this.#options, this.#deps.clock, signal);
    if (exchanged.kind === 'answer' && exchanged.reusable) this.#kept.giveBack(instance.id, line);
    return { kind: 'exchanged', exchanged, readings: opened.readings };
  }

  /** On the kept connection; that the other side had closed it meanwhile says nothing about the instance. */
  async #onKept(hop: Hop, instance: Instance, signal: AbortSignal): Promise<Told> {
    const line = this.#kept.take(instance.id);
    if (line === undefined) return this.#onFresh(hop, instance, signal);
    const exchanged = await exchange(line, hop.request, this.#options, this.#deps.clock, signal);
    if (exchanged.kind === 'error' && exchanged.untouched) return this.#onFresh(hop, instance, signal);
    if (exchanged.kind === 'answer' && exchanged.reusable) this.#kept.giveBack(instance.id, line);
    return { kind: 'exchanged', exchanged, readings: {} };
  }
}

function noValue(what: string): Outcome {
  return skip('plugin-error', `the template of ${what} gives no usable value for this instance`);
}

/** What undici refuses to send is ours; what it cannot read is the target's. */
function exchangeFailure(error: unknown, readings: Readings): Outcome {
  const code = codeOf(error);
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return ownFault(error, 'request');
  // An unasked-for 100 or 101 is, by undici's word, an error of the socket.
  if (code === 'UND_ERR_SOCKET' && messageOf(error).startsWith('bad '))
    return fail('protocol', 'answer: an informational answer that was not asked for', readings);
  return failure(error, 'request', readings);
}
