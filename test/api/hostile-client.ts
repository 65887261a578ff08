/** A process of its own that means no good: `node hostile-client.ts PORT COUNT`. Prints how many connections stood and fell. */

import { connect, type Socket } from 'node:net';

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
/** What each of them says, none of it complete or reasonable. */
const MANNERS = [
  'GET /livez HTTP/1.1\r\nHost: local',
  `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n',
  'GET /v1/instances HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(50),
  '',
];

const sockets = new Set<Socket>();
let stood = 0;
let fell = 0;
for (let i = 0; i < count; i++) {
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  socket.on('connect', () => {
    stood++;
    socket.write(MANNERS[i % MANNERS.length] ?? '');
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    fell++;
    sockets.delete(socket);
  });
  // Never read: what is answered stays with the server.
  socket.pause();
  if (i % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
}
setTimeout(() => {
  process.stdout.write(`${JSON.stringify({ count, stood, fell })}\n`, () => process.exit(0));
}, 4_000);
