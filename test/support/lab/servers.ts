/** The laboratory: servers on loopback that are ill in one way each. All end with the scope. */

import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface LabServer {
  readonly host: string;
  readonly port: number;
  /** Connections that are open at the server now. */
  readonly open: ReadonlySet<Socket>;
  /** Connections so far. */
  readonly accepted: () => number;
}

type Scope = AsyncDisposableStack;
/** `reset` closes by RST, which TLS sockets cannot do themselves. */
type Behaviour = (socket: Socket, reset: () => void) => void;

async function listen(
  server: Server,
  scope: Scope,
  host = '127.0.0.1',
  backlog?: number,
): Promise<LabServer> {
  const open = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted++;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host, ...(backlog === undefined ? {} : { backlog }) }, resolve);
  });
  scope.defer(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { host, port: (server.address() as AddressInfo).port, open, accepted: () => accepted };
}

export function tcp(scope: Scope, behave: Behaviour, host?: string): Promise<LabServer> {
  const server = createServer((socket) => behave(socket, () => socket.resetAndDestroy()));
  return listen(server, scope, host);
}

export function http(scope: Scope, answer: RequestListener, host?: string): Promise<LabServer> {
  return listen(createHttpServer(answer), scope, host);
}

export function https(scope: Scope, options: TlsOptions, answer: RequestListener): Promise<LabServer> {
  const server = createHttpsServer(options, answer);
  server.on('tlsClientError', () => undefined);
  return listen(server, scope);
}

export async function tls(scope: Scope, options: TlsOptions, behave: Behaviour): Promise<LabServer> {
  const server = createTlsServer(options, (socket) => {
    const below = [...lab.open].find(({ remotePort }) => remotePort === socket.remotePort);
    behave(socket, () => below?.resetAndDestroy());
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  const lab = await listen(server, scope);
  return lab;
}

/** Nobody listens there. */
export async function refusing(): Promise<{ readonly host: string; readonly port: number }> {
  await using scope = new AsyncDisposableStack();
  const { host, port } = await tcp(scope, () => undefined);
  return { host, port };
}

/** SYNs go unanswered: the accept queue of a server that never accepts is full. */
export async function blackHole(scope: Scope): Promise<{ readonly host: string; readonly port: number }> {
  // A listening socket whose process does not accept: a child that blocks its event loop after listening.
  const { spawn } = await import('node:child_process');
  const program = `const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    process.stdout.write(String(s.address().port) + '\\n', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.defer(() => {
    child.kill('SIGKILL');
  });
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (line: Buffer) => resolve(Number(line))),
  );
  const fill = Array.from({ length: 8 }, () =>
    connect({ host: '127.0.0.1', port }).on('error', () => undefined),
  );
  scope.defer(() => {
    for (const socket of fill) socket.destroy();
  });
  // The queue is full once some of these have not been let in.
  await new Promise((resolve) => setTimeout(resolve, 300));
  if (fill.every((socket) => socket.readyState === 'open')) throw new Error('the accept queue did not fill');
  return { host: '127.0.0.1', port };
}

export const behaviours = {
  hang: (() => undefined) as Behaviour,
  echo: ((socket) => void socket.pipe(socket)) as Behaviour,
  resetAtOnce: ((_socket, reset) => reset()) as Behaviour,
  /** Answers the head of a response and half of its body, then resets. */
  resetMidByte: ((socket, reset) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => setTimeout(reset, 20)),
    );
  }) as Behaviour,
  byteASecond: ((socket) => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    let at = 0;
    const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), 1_000);
    socket.on('close', () => clearInterval(timer));
  }) as Behaviour,
  endlessBody: ((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
      const pump = (): void => {
        while (!socket.destroyed && socket.write(chunk));
        socket.once('drain', pump);
      };
      pump();
    });
  }) as Behaviour,
  informationalFlood: ((socket) => {
    socket.once('data', () => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 5);
      socket.on('close', () => clearInterval(timer));
    });
  }) as Behaviour,
  garbage: ((socket) => {
    socket.once('data', () => socket.end('\x00\xff\x13 this is not HTTP\r\n\r\n'));
  }) as Behaviour,
  /** Reads the request and closes its side without a word. */
  halfClose: ((socket) => {
    socket.once('data', () => socket.end());
  }) as Behaviour,
} satisfies Record<string, Behaviour>;
