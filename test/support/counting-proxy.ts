/** A proxy in front of a server on loopback that counts what the server says. */

import { type AddressInfo, connect, createServer } from 'node:net';

export interface CountingProxy {
  readonly port: number;
  bytes(): number;
}

export async function countingProxy(scope: AsyncDisposableStack, to: number): Promise<CountingProxy> {
  let bytes = 0;
  const proxy = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    server.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    client.pipe(server).pipe(client);
    for (const socket of [client, server])
      socket.on('error', () => {
        client.destroy();
        server.destroy();
      });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  scope.defer(() => {
    proxy.close();
  });
  return { port: (proxy.address() as AddressInfo).port, bytes: () => bytes };
}
