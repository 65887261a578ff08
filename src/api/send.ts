/** Puts an answer on the wire: whole, or piece by piece no faster than the client reads. */

import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ApiResponse, Live } from './message.ts';

/** Characters that are gathered before something is sent; between two of them everything else has its turn. */
const CHUNK = 65_536;
const ALWAYS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/**
 * Resolves when everything was handed over, or the client is gone. `head`: without the body. Live answers end with
 * `closing`.
 */
export async function send(
  response: ServerResponse,
  answer: ApiResponse,
  head: boolean,
  closing: AbortSignal,
): Promise<void> {
  const { status, headers, body } = answer;
  const bare = status === 204 || status === 304;
  const length = typeof body === 'string' && !bare ? { 'content-length': Buffer.byteLength(body) } : {};
  response.writeHead(status, { ...ALWAYS, ...length, ...headers });
  if (head) response.end();
  else if (typeof body === 'string') response.end(body);
  else if ('live' in body) await sendLive(response, body, closing);
  else await sendPieces(response, body);
}

async function sendLive(response: ServerResponse, { live }: Live, closing: AbortSignal): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => gone.abort(new Error('the client is gone'));
  const signal = AbortSignal.any([closing, gone.signal]);
  response.once('close', leave);
  try {
    if (response.destroyed) return;
    for await (const piece of live(signal)) {
      if (signal.aborted) return;
      if (!response.write(piece)) await drained(response);
      await nextTurn();
    }
  } finally {
    leave();
    response.end();
  }
}

async function sendPieces(
  response: ServerResponse,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  let chunk = '';
  for await (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK) continue;
    if (!response.write(chunk)) await drained(response);
    if (response.destroyed) return;
    chunk = '';
    await nextTurn();
  }
  response.end(chunk);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
