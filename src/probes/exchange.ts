/** One HTTP/1.1 request and its answer over undici, read up to a limit and cut off by our own deadline. */

import type { Dispatcher } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { Answer } from './expectation.ts';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Ask for the connection to be closed afterwards. */
  readonly last: boolean;
}

export type Exchanged =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly firstByte: number }
  | { readonly kind: 'timeout' }
  /** `untouched`: nothing of an answer had come. */
  | { readonly kind: 'error'; readonly error: unknown; readonly untouched: boolean };

export async function exchange(
  dispatcher: Dispatcher,
  request: Request,
  maxBody: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const started = clock.now();
  const chunks: Buffer[] = [];
  let length = 0;
  let head: Pick<Answer, 'status' | 'headers'> | undefined;
  let firstByte = 0;

  const answered = (truncated: boolean): void => {
    if (head === undefined) return;
    const body = Buffer.concat(chunks).toString('utf8');
    resolve({ kind: 'answer', answer: { ...head, body, truncated }, firstByte });
  };
  // The caller resets the connection: undici would close it politely, and a server that hangs would never notice.
  const onAbort = (): void => resolve({ kind: 'timeout' });

  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const { method, path, headers, body, last } = request;
  try {
    dispatcher.dispatch(
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
          if (length < maxBody) chunks.push(chunk.subarray(0, maxBody - length));
          length += chunk.length;
          if (length >= maxBody) answered(true);
        },
        onResponseEnd: () => answered(false),
        onResponseError(_controller, error) {
          resolve({ kind: 'error', error, untouched: head === undefined });
        },
      },
    );
    return await promise;
  } catch (error) {
    return { kind: 'error', error, untouched: true };
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Connections are made by ourselves; undici only needs some origin. */
export const ORIGIN = 'http://instance';
