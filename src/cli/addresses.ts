/** Listeners as people and clients write them. */

import type { Address } from '../api/listen.ts';
import type { Door } from '../api/message.ts';
import { formatHostPort } from '../lib/host-port.ts';

/** `{ main: 'http://127.0.0.1:9810', socket: 'unix:/run/sonde.sock' }`; `secure`: main speaks TLS. */
export function describeAddresses(
  addresses: ReadonlyMap<Door, Address>,
  secure = false,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...addresses].map(([door, address]) => {
      const scheme = secure && door === 'main' ? 'https' : 'http';
      const url =
        'path' in address
          ? `unix:${address.path}`
          : `${scheme}://${formatHostPort(address.host, address.port)}`;
      return [door, url];
    }),
  );
}
