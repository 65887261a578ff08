/** Opens a connection to an instance, by our own deadlines and with the time of each phase. */

import { connect, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  type TLSSocket,
  type ConnectionOptions as TlsConnectionOptions,
} from 'node:tls';
import type { Clock } from '../core/clock.ts';
import type { Instance } from '../core/instance.ts';
import type { Outcome, Phases, Readings } from '../core/outcome.ts';
import type { Family, ProbeDeps } from '../core/probe.ts';
import { parsePort } from '../lib/host-port.ts';
import { failure, ownFault, skip, timeoutIn } from './cause.ts';
import type { TlsOptions } from './fields.ts';
import { SmallFiles } from './small-files.ts';
import { fill, type Template } from './template.ts';

export interface ConnectionOptions {
  readonly address: Template;
  readonly port: Template;
  readonly family: Family;
  readonly tls: TlsOptions | undefined;
  /** Offered by ALPN. */
  readonly protocols?: readonly string[];
}

export interface Connection {
  readonly kind: 'open';
  /** What is spoken on: the TLS socket where there is TLS. */
  readonly socket: Socket;
  readonly readings: Readings & { readonly phases: Phases };
  /** Closes at once; may be called twice. */
  close(how: 'reset' | 'fin'): void;
}

export type Opened = Connection | { readonly kind: 'outcome'; readonly outcome: Outcome };

export type ConnectionDeps = Pick<ProbeDeps, 'clock' | 'resolve' | 'connectTimeout' | 'timeout'> & {
  readonly files: SmallFiles;
};

/** Timeouts are read for each look: they may be longer now than they were. */
export function connectionDeps(deps: ProbeDeps): ConnectionDeps {
  const { clock, resolve } = deps;
  return {
    clock,
    resolve,
    files: new SmallFiles(clock, deps.baseDir),
    get connectTimeout() {
      return deps.connectTimeout;
    },
    get timeout() {
      return deps.timeout;
    },
  };
}

/** Never rejects for the target's sake. When `signal` aborts, the outcome is the timeout of the phase it was in. */
export async function open(
  options: ConnectionOptions,
  instance: Instance,
  deps: ConnectionDeps,
  signal: AbortSignal,
): Promise<Opened> {
  const host = fill(options.address, instance);
  if (host === undefined || host === '') return noValue('address');
  const port = parsePort(fill(options.port, instance) ?? '');
  if (port === undefined) return noValue('port');
  const tls = options.tls === undefined ? undefined : await prepare(options.tls, host, instance, deps.files);
  if (tls !== undefined && 'kind' in tls) return tls;
  const resolved = await deps.resolve(instance, host, options.family, signal);
  if (resolved.kind === 'outcome') return resolved;
  if (signal.aborted) return ended(timeoutIn('connect', deps.connectTimeout));

  const phases: { -readonly [K in keyof Phases]: number } = {};
  if (isIP(host) === 0) phases.dns = resolved.duration;
  const started = deps.clock.now();
  const { address, family } = resolved;
  const raw = connect({ host: address, port, family, autoSelectFamily: false, noDelay: true });
  const connected = await opening(raw, 'connect', deps.connectTimeout, deps.clock, signal);
  phases.connect = deps.clock.now() - started;
  if (connected !== 'open') {
    raw.destroy();
    return ended(
      connected === 'timeout'
        ? timeoutIn('connect', deps.connectTimeout, { phases })
        : failure(connected.error, 'connect', { phases }),
    );
  }
  if (tls === undefined) return plain(raw, { phases });
  return handshake(
    raw,
    { ...tls, ALPNProtocols: [...(options.protocols ?? [])] },
    options.tls?.insecure === true,
  );

  async function handshake(below: Socket, wanted: TlsConnectionOptions, insecure: boolean): Promise<Opened> {
    const begun = deps.clock.now();
    let gone = false;
    // Before TLS listens for the same; `closed` of the raw socket is true too early.
    below.once('close', () => {
      gone = true;
    });
    let socket: TLSSocket;
    try {
      socket = connectTls({ ...wanted, socket: below });
    } catch (error) {
      below.resetAndDestroy();
      return ended(ownFault(error, 'TLS options'));
    }
    const shaken = await opening(socket, 'secureConnect', undefined, deps.clock, signal);
    phases.tls = deps.clock.now() - begun;
    const opened = secured(below, socket, () => gone, { phases, ...expiry(socket) });
    const refusal = shaken === 'open' ? refused(socket, insecure) : shaken;
    if (refusal === undefined) return opened;
    opened.close('reset');
    return ended(
      refusal === 'timeout'
        ? timeoutIn('tls', deps.timeout, opened.readings)
        : failure(refusal.error, 'tls', opened.readings),
    );
  }
}

/** What TLS needs to know, or why it cannot. */
async function prepare(
  tls: TlsOptions,
  host: string,
  instance: Instance,
  files: SmallFiles,
): Promise<TlsConnectionOptions | Opened> {
  const name = tls.serverName === undefined ? host : fill(tls.serverName, instance);
  if (name === undefined || name === '') return noValue('serverName');
  const read = async (file: string | undefined) => (file === undefined ? undefined : files.read(file));
  try {
    const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]);
    return {
      // Server names are never addresses (RFC 6066, section 3); an address is still verified through `host`.
      ...(isIP(name) === 0 ? { servername: name } : {}),
      host: name,
      // `refused` decides: Node would close by itself, leaving the port in TIME_WAIT and the certificate unread.
      rejectUnauthorized: false,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
  } catch (error) {
    return ended(ownFault(error, 'TLS files'));
  }
}

/** Undefined when the peer may be spoken to. */
function refused(socket: TLSSocket, insecure: boolean): { readonly error: unknown } | undefined {
  if (insecure || socket.authorized) return undefined;
  // Node's types say Error; it is the code where there is one, else the message.
  const reason = String(socket.authorizationError);
  return { error: Object.assign(new Error(`certificate refused: ${reason}`), { code: reason }) };
}

function expiry(socket: TLSSocket): Pick<Readings, 'certificateExpires'> {
  const expires = socket.getPeerX509Certificate()?.validToDate.getTime();
  return expires === undefined ? {} : { certificateExpires: expires };
}

function plain(raw: Socket, readings: Connection['readings']): Connection {
  return {
    kind: 'open',
    socket: raw,
    readings,
    close(how) {
      if (how === 'reset' && !raw.destroyed) raw.resetAndDestroy();
      else raw.destroy();
    },
  };
}

/**
 * `TLSSocket.resetAndDestroy()` throws, so the raw socket below is reset, and the TLS socket follows by itself. To destroy
 * the TLS socket before the raw one has closed ends Node 26.10 with a segmentation fault, and undici does so when it is
 * through with an answer; hence whoever wants it destroyed meanwhile waits.
 */
function secured(
  raw: Socket,
  tls: TLSSocket,
  gone: () => boolean,
  readings: Connection['readings'],
): Connection {
  return {
    kind: 'open',
    socket: tls,
    readings,
    close(how) {
      if (how === 'fin' || raw.destroyed) {
        tls.destroy();
        return;
      }
      const destroy = tls.destroy.bind(tls);
      tls.destroy = () => (gone() ? destroy() : tls);
      raw.resetAndDestroy();
    },
  };
}

function noValue(what: string): Opened {
  return ended(skip('plugin-error', `the template of ${what} gives no usable value for this instance`));
}

function ended(outcome: Outcome): Opened {
  return { kind: 'outcome', outcome };
}

/** Until the socket says that it is open, fails, or time is over; `limit` in milliseconds, undefined: only the signal. */
async function opening(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  limit: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<'open' | 'timeout' | { readonly error: unknown }> {
  using deadline = limit === undefined ? undefined : clock.deadline(limit, signal);
  const until = deadline?.signal ?? signal;
  const { promise, resolve } = Promise.withResolvers<'open' | 'timeout' | { readonly error: unknown }>();
  const onOpen = (): void => resolve('open');
  const onAbort = (): void => resolve('timeout');
  // Stays for the socket's life: an error after the outcome is known concerns nobody, but must not end the process.
  socket.on('error', (error) => resolve({ error }));
  socket.once(event, onOpen);
  socket.once('close', () => resolve({ error: CLOSED }));
  if (until.aborted) onAbort();
  else until.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    until.removeEventListener('abort', onAbort);
    socket.removeListener(event, onOpen);
  }
}

const CLOSED = Object.assign(new Error('closed by the other side'), { code: 'ECONNRESET' });
