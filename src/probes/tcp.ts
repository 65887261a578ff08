/** The probe `tcp`: connects, speaks TLS if told, sends and expects if told, and closes without leaving a port behind. */

import { z } from 'zod';
import type { Outcome } from '../core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../core/probe.ts';
import { fail, failure, timeoutIn } from './cause.ts';
import { type Connection, type ConnectionDeps, connectionDeps, open } from './connection.ts';
import { addressField, closeField, familyField, portField, tlsField } from './fields.ts';
import { hexField, regexField, regexMatches } from './pattern.ts';

/** Bytes of an answer that are looked at; what comes later is not read. */
const MOST_READ = 65_536;
/** Bytes that are searched at most, counting again what is searched again: an answer in very small pieces is cut short. */
const MOST_SEARCHED = 4_194_304;

const bytesFields = z
  .union([z.strictObject({ text: z.string().min(1) }), z.strictObject({ hex: hexField })])
  .transform((given) => ('hex' in given ? given.hex : Buffer.from(given.text)));

const expectFields = z.union([
  z.strictObject({ text: z.string().min(1) }),
  z.strictObject({ hex: hexField }),
  z.strictObject({ regex: regexField }),
]);

const options = z.strictObject({
  address: addressField,
  port: portField,
  family: familyField,
  tls: tlsField.meta({ description: 'Speak TLS; true for the defaults' }),
  send: bytesFields.optional().meta({ description: 'What to send once connected: text or hex' }),
  expect: expectFields.optional().meta({
    description: 'What the answer must contain: text, hex bytes, or an RE2 regular expression',
  }),
  close: closeField,
});

export type TcpOptions = z.output<typeof options>;

export const tcpProbe: ProbePlugin<TcpOptions> = {
  name: 'tcp',
  summary: 'Connects, optionally over TLS, and optionally sends something and expects an answer.',
  options,
  create: (given, deps) => new TcpProbe(given, deps),
};

class TcpProbe implements Probe {
  readonly #options: TcpOptions;
  readonly #deps: ConnectionDeps;

  constructor(given: TcpOptions, deps: ProbeDeps) {
    this.#options = given;
    this.#deps = connectionDeps(deps);
  }

  async run(...[instance, signal]: Parameters<Probe['run']>): Promise<Outcome> {
    const { tls, send, expect, close } = this.#options;
    const started = this.#deps.clock.now();
    const opened = await open({ ...this.#options, tls }, instance, this.#deps, signal);
    if (opened.kind === 'outcome') return opened.outcome;
    try {
      if (send !== undefined) opened.socket.write(send);
      const unmet = expect === undefined ? undefined : await this.#expect(expect, opened, signal);
      if (unmet !== undefined) return unmet;
      const total = this.#deps.clock.now() - started;
      return { kind: 'pass', readings: { ...opened.readings, phases: { ...opened.readings.phases, total } } };
    } finally {
      opened.close(close);
    }
  }

  /** Undefined once the answer holds what is expected. */
  async #expect(
    expected: NonNullable<TcpOptions['expect']>,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { socket, readings } = connection;
    const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
    let seen = Buffer.alloc(0);
    let searched = 0;
    const onAbort = (): void => resolve(timeoutIn('request', this.#deps.timeout, readings));
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk.subarray(0, MOST_READ - seen.length)]);
      searched += seen.length;
      if (meets(expected, seen)) resolve(undefined);
      else if (seen.length >= MOST_READ || searched >= MOST_SEARCHED) {
        socket.pause();
        resolve(fail('expectation', `not found in ${seen.length} bytes`, readings));
      }
    });
    const onEnd = (): void =>
      resolve(
        seen.length === 0
          ? fail('response-reset', 'closed by the other side without an answer', readings)
          : fail('expectation', `the answer does not match: ${excerpt(seen)}`, readings),
      );
    socket.on('error', (error) => resolve(failure(error, 'request', readings)));
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

function meets(expected: NonNullable<TcpOptions['expect']>, seen: Buffer): boolean {
  if ('text' in expected) return seen.includes(expected.text);
  if ('hex' in expected) return seen.includes(expected.hex);
  return regexMatches(expected.regex, seen.toString('utf8'));
}

/** The beginning of what was seen, printable, for people. */
function excerpt(seen: Buffer): string {
  return JSON.stringify(seen.subarray(0, 60).toString('utf8'));
}
