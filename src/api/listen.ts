/** Takes a port or a unix socket for a server. */

import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, type ListenOptions, type Server } from 'node:net';
import { formatHostPort } from '../lib/host-port.ts';

export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Why it is not possible, in words; undefined once the server listens. */
export async function listen(server: Server, address: Address): Promise<string | undefined> {
  if (!('path' in address)) return explain(await tryListen(server, { ...address }));
  let code = await tryListen(server, { path: address.path });
  if (code === 'EADDRINUSE' && (await isAbandoned(address.path))) {
    await unlink(address.path);
    code = await tryListen(server, { path: address.path });
  }
  if (code === undefined) await chmod(address.path, 0o600);
  return explain(code);
}

function tryListen(server: Server, options: ListenOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done = (error?: NodeJS.ErrnoException): void => {
      server.off('error', done);
      server.off('listening', done);
      resolve(error === undefined ? undefined : (error.code ?? error.message));
    };
    server.once('error', done);
    server.once('listening', done);
    server.listen(options);
  });
}

/** A socket file that nobody listens on any more, left by a process that was killed. Other files are not ours to touch. */
async function isAbandoned(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function explain(code: string | undefined): string | undefined {
  if (code === 'EADDRINUSE') return 'somebody else listens there';
  if (code === 'EACCES') return 'it is not permitted to listen there';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have this address';
  return code;
}

/** With the port that was taken. */
export function addressOf(server: Server, asked: Address): Address {
  const bound = server.address();
  return bound === null || typeof bound === 'string' ? asked : { host: bound.address, port: bound.port };
}

export function formatAddress(address: Address): string {
  return 'path' in address ? address.path : formatHostPort(address.host, address.port);
}
