/** Maps what sockets, TLS and HTTP report to outcomes. */

import { type FailureCause, NOT_REACHED_CAUSES, type OwnCause } from '../core/cause.ts';
import type { Outcome, Readings } from '../core/outcome.ts';

/** How far a look had come. */
export type Phase = 'connect' | 'tls' | 'request';

/** Limits of our own machine: file descriptors, ports, buffers. */
const OUR_LIMITS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'EADDRINUSE', 'ENOBUFS', 'ENOMEM']);
/** Our own network is down or has no way out; EACCES and EPERM are a local firewall. */
const OUR_NETWORK = new Set(['ENETDOWN', 'ENETUNREACH', 'EACCES', 'EPERM']);

const UNREACHABLE = new Set(['EHOSTUNREACH', 'EHOSTDOWN']);
const RESET = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET']);

/** The outcome of an error that a socket, TLS session or HTTP parser reported in that phase. */
export function failure(error: unknown, phase: Phase, readings?: Readings): Outcome {
  const code = codeOf(error);
  const detail = `${describePhase(phase)}: ${messageOf(error)}`;
  if (OUR_LIMITS.has(code)) return skip('prober-limit', detail);
  if (OUR_NETWORK.has(code)) return skip('prober-network', detail);
  if (phase === 'connect') return fail(connectCause(code), detail, readings);
  if (phase === 'tls') {
    const expired = code === 'CERT_HAS_EXPIRED';
    return fail(expired ? 'tls-expired' : 'tls-handshake', detail, readings);
  }
  if (code === 'ETIMEDOUT') return fail('request-timeout', detail, readings);
  return fail(RESET.has(code) ? 'response-reset' : 'protocol', detail, readings);
}

function connectCause(code: string): FailureCause {
  if (code === 'ECONNREFUSED') return 'connect-refused';
  if (code === 'ETIMEDOUT') return 'connect-timeout';
  if (RESET.has(code)) return 'connect-reset';
  return UNREACHABLE.has(code) ? 'connect-unreachable' : 'connect-refused';
}

/** The outcome when time ran out in that phase; `limit` in milliseconds. */
export function timeoutIn(phase: Phase, limit: number, readings?: Readings): Outcome {
  if (phase === 'connect') return fail('connect-timeout', `no connection within ${limit} ms`, readings);
  const what = phase === 'tls' ? 'no TLS session' : 'no complete answer';
  return fail('request-timeout', `${what} within ${limit} ms`, readings);
}

const NOT_REACHED: readonly FailureCause[] = NOT_REACHED_CAUSES;

export function fail(cause: FailureCause, detail: string, readings?: Readings): Outcome {
  const reached = !NOT_REACHED.includes(cause);
  return { kind: 'fail', cause, reached, detail, ...(readings === undefined ? {} : { readings }) };
}

export function skip(cause: OwnCause, detail: string): Outcome {
  return { kind: 'skip', cause, detail };
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describePhase(phase: Phase): string {
  return phase === 'request' ? 'answer' : phase;
}
