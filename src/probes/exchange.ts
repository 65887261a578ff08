/** One HTTP/1.1 request and its answer over undici, read up to a limit and cut off by our own deadline. */

import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { Connection } from './connection.ts';
import type { Answer } from './expectation.ts';

/** A connection that requests can be sent on, one after the other. */
export interface Line {
  readonly client: Client;
  readonly connection: Connection;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Ask for the connection to be closed afterwards. */
  readonly last: boolean;
}

export interface Limits {
  /** Bytes of the body that are read. */
  readonly maxBody: number;
  readonly close: 'reset' | 'fin';
}

export type Exchanged =
  | {
      readonly kind: 'answer';
      readonly answer: Answer;
      readonly firstByte: number;
      readonly reusable: boolean;
    }
  | { readonly kind: 'timeout' }
  /** `untouched`: nothing of an answer had come. */
  | { readonly kind: 'error'; readonly error: unknown; readonly untouched: boolean };

/** Afterwards the line is closed, but for an answer that says `reusable`. */
export async function exchange(
  line: Line,
  request: Request,
  limits: Limits,
  clock: Clock,
  signal: AbortSignal,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const started = clock.now();
  const chunks: Buffer[] = [];
  let length = 0;
  let head: Pick<Answer, 'status' | 'headers'> | undefined;
  let firstByte = 0;
  let over = false;

  const end = (exchanged: Exchanged): void => {
    if (over) return;
    over = true;
    // At once, before undici gets to it: it would close by FIN and leave the port in TIME_WAIT, or to a server that hangs.
    if (exchanged.kind !== 'answer' || !exchanged.reusable) line.connection.close(limits.close);
    resolve(exchanged);
  };
  const answered = (truncated: boolean): void => {
    if (head === undefined) return;
    const answer = { ...head, body: Buffer.concat(chunks), truncated };
    end({ kind: 'answer', answer, firstByte, reusable: !truncated && !request.last });
  };
  const onAbort = (): void => end({ kind: 'timeout' });

  if (signal.aborted) {
    onAbort();
    return promise;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  const { method, path, headers, body, last } = request;
  try {
    line.client.dispatch(
      {
        origin: ORIGIN,
        method,
        path,
        headers,
        body: body ?? null,
        reset: last,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart: () => undefined,
        onResponseStart(_controller, status, responseHeaders) {
          // Informational answers (RFC 9110, section 15.2) come before the one that counts.
          if (status < 200) return;
          head = { status, headers: responseHeaders };
          firstByte = clock.now() - started;
        },
        onResponseData(_controller, chunk) {
          if (over) return;
          if (length < limits.maxBody) chunks.push(chunk.subarray(0, limits.maxBody - length));
          length += chunk.length;
          if (length > limits.maxBody) answered(true);
        },
        onResponseEnd: () => answered(false),
        onResponseError(_controller, error) {
          end({ kind: 'error', error, untouched: head === undefined });
        },
      },
    );
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Connections are made by ourselves; undici only needs some origin. */
const ORIGIN = 'http://instance';

/** Milliseconds for which a kept connection may idle before undici closes it. */
const KEEP_ALIVE = 65_000;

/** A client on a connection that is already there; it makes no other. */
export function clientOn(socket: Socket): Client {
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
