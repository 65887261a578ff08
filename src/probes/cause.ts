/** Maps what sockets, TLS and HTTP report to outcomes. */

import { type FailureCause, NOT_REACHED_CAUSES, type OwnCause } from '../core/cause.ts';
import type { Outcome, Readings } from '../core/outcome.ts';

/** How far a look had come. */
export type Phase = 'connect' | 'tls' | 'request';

/** Limits of our own machine: file descriptors, ports, buffers, processes. */
const OUR_LIMITS = new Set([
  'EMFILE',
  'ENFILE',
  'EADDRNOTAVAIL',
  'EADDRINUSE',
  'ENOBUFS',
  'ENOMEM',
  'EAGAIN',
]);
/** Our own network is down, has no way out or lacks the family; EACCES and EPERM are a local firewall. */
const OUR_NETWORK = new Set(['ENETDOWN', 'ENETUNREACH', 'ENONET', 'EAFNOSUPPORT', 'EACCES', 'EPERM']);

const RESET = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET']);
/** The connection was there and the way to it is gone. */
const LOST = new Set(['EHOSTUNREACH', 'EHOSTDOWN', 'ENOTCONN']);

/** Details are one line for people, and part of them comes from the other side. */
const LONGEST_DETAIL = 300;

/** The outcome of an error that a socket, TLS session or HTTP parser reported in that phase. */
export function failure(error: unknown, phase: Phase, readings?: Readings): Outcome {
  const code = codeOf(error);
  const message = messageOf(error);
  // Node's messages of a failed connect begin with the word already.
  const detail = message.startsWith(phase) ? message : `${describePhase(phase)}: ${message}`;
  if (OUR_LIMITS.has(code)) return skip('prober-limit', detail);
  if (OUR_NETWORK.has(code)) return skip('prober-network', detail);
  return fail(failureCause(code, phase), detail, readings);
}

function failureCause(code: string, phase: Phase): FailureCause {
  switch (phase) {
    case 'connect':
      if (code === 'ECONNREFUSED') return 'connect-refused';
      if (code === 'ETIMEDOUT') return 'connect-timeout';
      return RESET.has(code) ? 'connect-reset' : 'connect-unreachable';
    case 'tls':
      if (code === 'ETIMEDOUT') return 'request-timeout';
      return code === 'CERT_HAS_EXPIRED' ? 'tls-expired' : 'tls-handshake';
    case 'request':
      if (code === 'ETIMEDOUT') return 'request-timeout';
      // With TLS 1.3 a server refuses our certificate only after the handshake.
      if (code.startsWith('ERR_SSL_')) return 'tls-handshake';
      return RESET.has(code) || LOST.has(code) ? 'response-reset' : 'protocol';
    default:
      return phase satisfies never;
  }
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
  return {
    kind: 'fail',
    cause,
    reached,
    detail: oneLine(detail),
    ...(readings === undefined ? {} : { readings }),
  };
}

export function skip(cause: OwnCause, detail: string): Outcome {
  return { kind: 'skip', cause, detail: oneLine(detail) };
}

/** A skip because a file that the options name cannot be read, or something else of ours went wrong. */
export function ownFault(error: unknown, what: string): Outcome {
  const cause = OUR_LIMITS.has(codeOf(error)) ? 'prober-limit' : 'plugin-error';
  return skip(cause, `${what}: ${messageOf(error)}`);
}

/** Without what would move the cursor of a terminal or turn the direction of text, and not endless. */
export function oneLine(text: string): string {
  return text.slice(0, LONGEST_DETAIL).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
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
