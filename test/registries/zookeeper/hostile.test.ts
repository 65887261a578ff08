/** A server that says whatever it likes: sonde fails with a reason, soon, and is neither crashed nor kept waiting. */

import { type AddressInfo, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { JuteWriter } from '../../../src/registries/zookeeper/jute.ts';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import { listOnce, make } from '../../contracts/registry.contract.ts';

/** Answers a hello properly, every other frame with what it is given. */
async function hostile(
  scope: AsyncDisposableStack,
  answer: (socket: Socket, xid: number) => void,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let greeted = false;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      if (greeted) {
        answer(socket, chunk.length >= 8 ? chunk.readInt32BE(4) : 0);
        return;
      }
      greeted = true;
      socket.write(new JuteWriter().int(0).int(10_000).long(7n).buffer(Buffer.alloc(16)).bool(false).frame());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const list = async (port: number): Promise<string> => {
  await using scope = new AsyncDisposableStack();
  const options = {
    servers: [`127.0.0.1:${port}`],
    layout: 'path',
    pattern: '/a/{service}/{id}',
    timeout: '300ms',
  };
  try {
    return `${(await listOnce(make(zookeeperRegistry, options, scope))).size} services`;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

const header = (xid: number, err = 0): JuteWriter => new JuteWriter().int(xid).long(1n).int(err);

it('is no ZooKeeper whatever bytes it sends', { timeout: 120_000 }, async () => {
  await using scope = new AsyncDisposableStack();
  let bytes: Buffer = Buffer.alloc(0);
  const port = await hostile(scope, (socket) => void socket.write(bytes));
  const anything = fc.uint8Array({ minLength: 24, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(anything, fc.boolean(), async (array, framed) => {
      // In a frame it looks like an answer; without one its first bytes are a length, mostly one that cannot be.
      bytes = framed ? new JuteWriter().buffer(array).frame().subarray(4) : Buffer.from([0x7f, ...array]);
      expect(await list(port)).toBe('protocol');
    }),
    { numRuns: 150 },
  );
});

it('is no ZooKeeper when it answers another question', async () => {
  await using scope = new AsyncDisposableStack();
  const port = await hostile(scope, (socket, xid) => void socket.write(header(xid + 1).frame()));
  expect(await list(port)).toBe('protocol');
});

it('is no ZooKeeper when it says yes without an answer', async () => {
  await using scope = new AsyncDisposableStack();
  const port = await hostile(scope, (socket, xid) => void socket.write(header(xid).frame()));
  expect(await list(port)).toBe('protocol');
});

it.each([
  [-102, 'forbidden'],
  [-112, 'unreachable'],
  [-115, 'unauthorised'],
  [-124, 'unauthorised'],
  [-125, 'overloaded'],
  [-127, 'overloaded'],
  [-6, 'unsupported'],
  [-999, 'protocol'],
])('says by its error %i what is wrong: %s', async (err, code) => {
  await using scope = new AsyncDisposableStack();
  const port = await hostile(scope, (socket, xid) => void socket.write(header(xid, err).frame()));
  expect(await list(port)).toBe(code);
});

it('is left when it says nothing more', async () => {
  await using scope = new AsyncDisposableStack();
  const port = await hostile(scope, () => undefined);
  const started = performance.now();
  const answer = list(port);
  expect(await answer).toBe('unreachable');
  // Patience, and a round.
  expect(performance.now() - started).toBeLessThan(15_000);
});
