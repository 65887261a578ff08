/** An HTTP server on loopback that answers as told: a gateway, a service discovery. */

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The answer does not end. */
  readonly open?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A gateway that answers as told. */
export async function serve(
  scope: AsyncDisposableStack,
  answer: (path: string, body: string, headers: IncomingHttpHeaders) => Answer | Promise<Answer>,
  tls?: { readonly cert: string; readonly key: string },
): Promise<string> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const {
      status,
      body,
      open,
      headers: own,
    } = await answer(request.url ?? '', await text(request), request.headers);
    // Leaves no idle connection behind, which a test that counts sockets would see.
    response.writeHead(status, { connection: 'close', ...own });
    if (open === true) response.write(body);
    else response.end(body);
  };
  const listener: RequestListener = (request, response) => {
    respond(request, response).catch((error: unknown) => response.destroy(new Error(String(error))));
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `${tls === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}`;
}
