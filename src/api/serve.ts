/** Listens: sockets in front of the API, with limits for whoever means no good. */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Api } from './api.ts';
import { type Address, addressOf, formatAddress, listen } from './listen.ts';
import type { ApiRequest, Door, TextResponse } from './message.ts';
import { type ProblemName, problem } from './problem.ts';
import { send } from './send.ts';

export interface ServeOptions {
  readonly door: Door;
  /** Port 0 takes a free one; a path is a unix socket that only its owner may use. */
  readonly address: Address;
  readonly limits?: Partial<Limits>;
  /** What the listener shows itself with; asked for again by `renewTls`. Without it the listener speaks plain HTTP. */
  readonly tls?: () => Certificate;
}

/** PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Milliseconds, bytes and counts. */
export interface Limits {
  /** From the connection (or the answer before) until the header fields are complete. */
  readonly headersTimeout: number;
  /** Until the whole request is there. */
  readonly requestTimeout: number;
  /** Without a byte in either direction. */
  readonly idleTimeout: number;
  /** Of request line and header fields. */
  readonly maxHeaderSize: number;
  readonly maxBody: number;
  readonly maxConnections: number;
  /** Then the connection is closed, so that none lasts for ever. */
  readonly maxRequestsPerSocket: number;
}

export interface ServeDeps {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  /** Closes the listener. */
  readonly scope: AsyncDisposableStack;
}

export type Served =
  | {
      readonly kind: 'listening';
      readonly address: Address;
      /** Only with TLS: takes the certificate of now for new connections; why it stays as it was, if it does. */
      readonly renewTls?: () => string | undefined;
    }
  /** `reason` starts with the address. */
  | { readonly kind: 'failed'; readonly reason: string };

const LIMITS: Limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  idleTimeout: 60_000,
  maxHeaderSize: 16_384,
  maxBody: 65_536,
  maxConnections: 1_024,
  maxRequestsPerSocket: 10_000,
};
/** How long answers in flight may take when the listener closes. */
const LAST_ANSWERS = 1_000;

export async function serve(options: ServeOptions, deps: ServeDeps): Promise<Served> {
  const limits = { ...LIMITS, ...options.limits };
  const { tls } = options;
  const settings = {
    maxHeaderSize: limits.maxHeaderSize,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    // How often Node looks for requests that are late.
    connectionsCheckingInterval: Math.min(1_000, limits.headersTimeout),
    maxRequestsPerSocket: limits.maxRequestsPerSocket,
  };
  let secure: SecureServer | undefined;
  if (tls !== undefined) {
    try {
      const handshakeTimeout = limits.headersTimeout;
      secure = createSecureServer({ ...settings, ...tls(), handshakeTimeout, minVersion: 'TLSv1.2' });
    } catch (error) {
      return { kind: 'failed', reason: `${formatAddress(options.address)}: TLS: ${messageOf(error)}` };
    }
  }
  const server = secure ?? createServer(settings);
  const raw = new Set<Socket>();
  // Neither Node's error handling nor closeAllConnections reaches a connection whose handshake is not done.
  secure?.on('tlsClientError', (_error, socket) => socket.destroy());
  secure?.on('connection', (socket: Socket) => {
    raw.add(socket);
    socket.once('close', () => raw.delete(socket));
  });
  const closing = new AbortController();
  server.maxConnections = limits.maxConnections;
  server.setTimeout(limits.idleTimeout);
  server.on('clientError', refuseGarbage);
  server.on('request', (request, response) => {
    // Whoever leaves early is no event.
    response.on('error', () => response.destroy());
    const { signal } = closing;
    respond(request, response, { door: options.door, maxBody: limits.maxBody, api: deps.api, signal }).catch(
      (error: unknown) => {
        deps.log.error('An answer broke off because of a mistake in sonde', { error: String(error) });
        response.destroy();
      },
    );
  });
  const failure = await listen(server, options.address);
  if (failure !== undefined)
    return { kind: 'failed', reason: `${formatAddress(options.address)}: ${failure}` };
  deps.scope.defer(() => {
    closing.abort(new Error('the listener closes'));
    return close(server, raw, deps.clock);
  });
  const address = addressOf(server, options.address);
  deps.log.info('Listening', { door: options.door, address: formatAddress(address) });
  if (secure === undefined || tls === undefined) return { kind: 'listening', address };
  const renewTls = (): string | undefined => {
    try {
      secure.setSecureContext(tls());
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  return { kind: 'listening', address, renewTls };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Responder {
  readonly door: Door;
  readonly maxBody: number;
  readonly api: Api;
  /** Aborts when the listener closes. */
  readonly signal: AbortSignal;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { door, maxBody, api, signal }: Responder,
): Promise<void> {
  const { method = '', url: target = '', headers } = request;
  const from = request.socket.remoteAddress;
  const body = await read(request, maxBody);
  if (body === 'gone') return;
  if (body === 'too large') {
    const answer = problem(
      'body-too-large',
      `More than ${maxBody} bytes are not read.`,
      {},
      { connection: 'close' },
    );
    await send(response, answer, false, signal);
    return;
  }
  const asked: ApiRequest = {
    door,
    method,
    target,
    headers,
    body: body.toString(),
    ...(from === undefined ? {} : { from }),
  };
  await send(response, await api(asked), method === 'HEAD', signal);
}

/** The whole body, within the time for the request. */
async function read(request: IncomingMessage, most: number): Promise<Buffer | 'too large' | 'gone'> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (encoding === undefined && Number(length ?? 0) === 0) return Buffer.alloc(0);
  if (Number(length ?? 0) > most) return 'too large';
  const { promise, resolve } = Promise.withResolvers<Buffer | 'too large' | 'gone'>();
  const pieces: Buffer[] = [];
  let size = 0;
  request.on('data', (bytes: Buffer) => {
    size += bytes.length;
    if (size > most) resolve('too large');
    else pieces.push(bytes);
  });
  request.on('end', () => resolve(Buffer.concat(pieces)));
  request.on('close', () => resolve('gone'));
  return promise;
}

/** What is not HTTP, too long or too late; `socket` may be beyond answering. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (
    !socket.writable ||
    error.code === 'ECONNRESET' ||
    ('bytesWritten' in socket && socket.bytesWritten !== 0)
  ) {
    socket.destroy();
    return;
  }
  const name = GARBAGE[error.code ?? ''] ?? 'bad-request';
  const answer = problem(name, 'The connection is closed.', {}, { connection: 'close' });
  socket.end(toText(answer), () => socket.destroy());
}

const GARBAGE: Readonly<Record<string, ProblemName>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

function toText({ status, headers, body }: TextResponse): string {
  const all = { ...headers, 'content-length': Buffer.byteLength(body) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

async function close(server: Server, raw: ReadonlySet<Socket>, clock: Clock): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  using _last = clock.after(LAST_ANSWERS, () => {
    server.closeAllConnections();
    for (const socket of raw) socket.destroy();
  });
  await promise;
}
