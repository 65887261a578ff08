/** Opens a connection to an instance, by our own deadlines and with the time of each phase. */

import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Instance } from '../core/instance.ts';
import type { Outcome, Phases, Readings } from '../core/outcome.ts';
import type { Family, ProbeDeps } from '../core/probe.ts';
import { failure, messageOf, skip, timeoutIn } from './cause.ts';
import type { TlsOptions } from './fields.ts';
import type { SmallFiles } from './small-files.ts';
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
  readonly host: string;
  readonly port: number;
  readonly readings: Readings & { readonly phases: Phases };
  /** Closes at once, and calls `after` when that is done; may be called twice. */
  close(how: 'reset' | 'fin', after?: () => void): void;
}

export type Opened = Connection | { readonly kind: 'outcome'; readonly outcome: Outcome };

export type ConnectionDeps = Pick<ProbeDeps, 'clock' | 'resolve' | 'connectTimeout' | 'timeout'> & {
  readonly files: SmallFiles;
};

/** Never rejects for the target's sake. When `signal` aborts, the outcome is the timeout of the phase it was in. */
export async function open(
  options: ConnectionOptions,
  instance: Instance,
  deps: ConnectionDeps,
  signal: AbortSignal,
): Promise<Opened> {
  const host = fill(options.address, instance);
  const port = Number(fill(options.port, instance) ?? '');
  if (host === undefined || host === '') return ours('the address template gives nothing for this instance');
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return ours('the port template gives no port for this instance');
  const resolved = await deps.resolve(instance, host, options.family, signal);
  if (resolved.kind === 'outcome') return resolved;
  if (signal.aborted) return timedOut('connect', deps.connectTimeout);

  const phases: { -readonly [K in keyof Phases]: number } = {};
  if (isIP(host) === 0) phases.dns = resolved.duration;
  const started = deps.clock.now();
  const { address, family } = resolved;
  const raw = connect({ host: address, port, family, autoSelectFamily: false, noDelay: true });
  const connected = await opening(raw, 'connect', deps.connectTimeout, deps, signal);
  phases.connect = deps.clock.now() - started;
  if (connected !== 'open') return failed(connected, 'connect', deps.connectTimeout, phases, raw);
  if (options.tls === undefined) return connection(raw, raw, { phases });
  return secure(options.tls, options.protocols);

  async function secure(tls: TlsOptions, protocols: readonly string[] | undefined): Promise<Opened> {
    const begun = deps.clock.now();
    let socket: TLSSocket;
    try {
      const { caFile, certFile, keyFile } = tls;
      const servername = tls.serverName === undefined ? host : fill(tls.serverName, instance);
      const [ca, cert, key] = await Promise.all(
        [caFile, certFile, keyFile].map((file) =>
          file === undefined ? Promise.resolve(undefined) : deps.files.read(file),
        ),
      );
      socket = connectTls({
        socket: raw,
        // Server names are never addresses (RFC 6066, section 3); an address is still verified through `host`.
        ...(servername === undefined || isIP(servername) !== 0 ? {} : { servername }),
        host: servername ?? host ?? address,
        rejectUnauthorized: !tls.insecure,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
      });
    } catch (error) {
      raw.destroy();
      return ours(`TLS options: ${messageOf(error)}`);
    }
    const secured = await opening(socket, 'secureConnect', undefined, deps, signal);
    phases.tls = deps.clock.now() - begun;
    if (secured !== 'open') return failed(secured, 'tls', deps.timeout, phases, raw);
    const expires = socket.getPeerX509Certificate()?.validToDate.getTime();
    return connection(raw, socket, {
      phases,
      ...(expires === undefined ? {} : { certificateExpires: expires }),
    });
  }

  function connection(below: Socket, socket: Socket, readings: Connection['readings']): Connection {
    return {
      kind: 'open',
      socket,
      host: host ?? address,
      port,
      readings,
      close(how, after) {
        if (after !== undefined) {
          if (below.closed) after();
          else below.once('close', after);
        }
        closeSockets(below, socket, how);
      },
    };
  }
}

/**
 * A reset leaves no port in TIME_WAIT. TLSSocket.resetAndDestroy() throws, so the raw socket is reset, and the TLS socket
 * on it follows by itself: to destroy it before the raw one has closed ends Node 26.10 with a segmentation fault.
 */
function closeSockets(raw: Socket, socket: Socket, how: 'reset' | 'fin'): void {
  if (raw.destroyed) return;
  if (how === 'reset') raw.resetAndDestroy();
  else socket.destroy();
}

function ours(detail: string): Opened {
  return { kind: 'outcome', outcome: skip('plugin-error', detail) };
}

function timedOut(phase: 'connect' | 'tls', limit: number, readings?: Readings): Opened {
  return { kind: 'outcome', outcome: timeoutIn(phase, limit, readings) };
}

function failed(
  how: 'timeout' | { readonly error: unknown },
  phase: 'connect' | 'tls',
  limit: number,
  phases: Phases,
  raw: Socket,
): Opened {
  closeSockets(raw, raw, 'reset');
  if (how === 'timeout') return timedOut(phase, limit, { phases });
  return { kind: 'outcome', outcome: failure(how.error, phase, { phases }) };
}

/** Until the socket says that it is open, fails, or time is over; `limit` in milliseconds, undefined: only the signal. */
async function opening(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  limit: number | undefined,
  deps: ConnectionDeps,
  signal: AbortSignal,
): Promise<'open' | 'timeout' | { readonly error: unknown }> {
  using deadline = limit === undefined ? undefined : deps.clock.deadline(limit, signal);
  const until = deadline?.signal ?? signal;
  const { promise, resolve } = Promise.withResolvers<'open' | 'timeout' | { readonly error: unknown }>();
  const onOpen = (): void => resolve('open');
  const onAbort = (): void => resolve('timeout');
  // Stays for the socket's life: an error after the outcome is known concerns nobody, but must not end the process.
  socket.on('error', (error) => resolve({ error }));
  socket.once(event, onOpen);
  socket.once('close', () => resolve({ error: new Error('closed by the other side') }));
  if (until.aborted) onAbort();
  else until.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    until.removeEventListener('abort', onAbort);
    socket.removeListener(event, onOpen);
  }
}
