/** A receiver of webhooks on loopback, which answers as told and keeps what it was sent. */

import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { WebhookConfig } from '../../src/webhooks/webhook.ts';

export interface Delivered {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly subject: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

type Answer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** `half`: only the head of an answer; `reset`: the connection breaks. */
  | 'hang'
  | 'half'
  | 'reset';

export class Receiver {
  readonly got: Delivered[] = [];
  /** From the next request on. */
  answer: (request: Delivered) => Answer = () => ({ status: 204 });
  /** Requests that are being answered, and how many there were at once at most. */
  open = 0;
  most = 0;
  url = '';

  static async start(scope: AsyncDisposableStack): Promise<Receiver> {
    const receiver = new Receiver();
    const server = createServer((request, response) => {
      receiver.open++;
      receiver.most = Math.max(receiver.most, receiver.open);
      response.on('close', () => receiver.open--);
      void text(request)
        .then((raw) => {
          const { method = '', url = '', headers } = request;
          const event = JSON.parse(raw) as Delivered['event'];
          const delivered = { method, path: url, headers, raw, event };
          receiver.got.push(delivered);
          receiver.#respond(response, receiver.answer(delivered));
        })
        .catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=b`;
    return receiver;
  }

  /** Until so many requests have come. */
  async holds(count: number): Promise<void> {
    await expect.poll(() => this.got.length, { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(count);
  }

  #respond(response: ServerResponse, answer: Answer): void {
    if (answer === 'hang') return;
    if (answer === 'reset') response.destroy();
    else if (answer === 'half') response.writeHead(200, { 'content-length': '100' }).write('begun');
    else response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

/** The signatures as a receiver calculates them that knows `key`: Standard Webhooks 1.0.0. */
export function expectedSignature({ headers, raw }: Delivered, key: Buffer): string {
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${raw}`;
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

export function webhookTo(url: string, fields: Partial<WebhookConfig> = {}): WebhookConfig {
  return {
    name: 'pager',
    url,
    secrets: [],
    events: ['transition', 'write-failure'],
    match: {},
    timeout: 10_000,
    headers: {},
    ...fields,
  };
}
