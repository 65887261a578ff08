/** Names of receivers, one after the other: getaddrinfo blocks one of libuv's four threads, and probes need theirs. */

import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

export const lookupOneByOne: LookupFunction = oneByOne(lookup);

export function oneByOne(find: LookupFunction): LookupFunction {
  let last: Promise<void> = Promise.resolve();
  return (host, options, done) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = last;
    last = promise;
    void before.then(() =>
      find(host, options, (...answer) => {
        resolve();
        done(...answer);
      }),
    );
  };
}
