/** Addresses to listen at. Pure. */

import type { Listen } from './config.ts';

export const LISTEN_PATTERN = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):([0-9]{1,5})$/;

/** `127.0.0.1:9810`, `[::1]:9810`, `localhost:0`; undefined where the text is none. */
export function parseListen(text: string): Listen | undefined {
  const [, six, plain, digits] = LISTEN_PATTERN.exec(text) ?? [];
  const host = six ?? plain;
  const port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

const WILDCARDS = ['0.0.0.0', '::'];

/** Both cannot be bound: the same port at the same host, or at all hosts. Port 0 is any free one. */
export function collide(a: Listen, b: Listen): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || WILDCARDS.includes(a.host) || WILDCARDS.includes(b.host);
}
