/** Listeners as people and clients write them. */

import type { Address } from '../api/listen.ts';
import type { Door } from '../api/message.ts';
import { formatHostPort } from '../lib/host-port.ts';

/** `{ main: 'http://127.0.0.1:9810', socket: 'unix:/run/sonde.sock' }`. */
export function describeAddresses(addresses: ReadonlyMap<Door, Address>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...addresses].map(([door, address]) => [
      door,
      'path' in address ? `unix:${address.path}` : `http://${formatHostPort(address.host, address.port)}`,
    ]),
  );
}
