/** What the kernel still knows of connections to a port of this machine: nothing may pile up on our side. */

import { readFileSync } from 'node:fs';

/** Codes of include/net/tcp_states.h, as /proc/net/tcp has them, of the end that connected. */
const CODES: Readonly<Record<string, string>> = {
  '01': 'established',
  '02': 'syn-sent',
  '04': 'fin-wait-1',
  '05': 'fin-wait-2',
  '06': 'time-wait',
  '08': 'close-wait',
  '09': 'last-ack',
  '0B': 'closing',
};

export const ALL_STATES = Object.values(CODES);
/** Those in which a process still holds the socket. */
export const HELD_STATES = ['established', 'syn-sent', 'close-wait'];

/**
 * Tells how many more ends of connections to that port there are in each state than now. (A port may have belonged to
 * another server a minute ago.)
 */
export function watchSocketsTo(port: number, states = ALL_STATES): () => Readonly<Record<string, number>> {
  const before = socketsTo(port);
  return () => {
    const grown = Object.entries(socketsTo(port)).map(
      ([state, count]) => [state, count - (before[state] ?? 0)] as const,
    );
    return Object.fromEntries(grown.filter(([state, count]) => states.includes(state) && count > 0));
  };
}

function socketsTo(port: number): Readonly<Record<string, number>> {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found: Record<string, number> = {};
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n')) {
      const [, , to, code = ''] = line.trim().split(/\s+/);
      if (to?.endsWith(remote) !== true) continue;
      const state = CODES[code] ?? code;
      found[state] = (found[state] ?? 0) + 1;
    }
  }
  return found;
}
