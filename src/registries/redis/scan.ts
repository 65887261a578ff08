/** The truth about a keyspace: every key of the pattern on every server, found by SCAN. */

import { RegistryError } from '../../core/registry.ts';
import type { Connection } from './connection.ts';
import { protocolError } from './failure.ts';
import type { Servers } from './servers.ts';

/** Keys that one SCAN looks at. */
const COUNT = '1000';

/** Listings that were disturbed by a changing cluster before it counts as a failure. */
const TRIES = 3;

export interface Scan {
  readonly keys: ReadonlySet<string>;
  /** The lives of all servers that were asked; another text: one of them was started anew or replaced. */
  readonly lives: string;
  readonly servers: readonly Connection[];
}

/** Throws `RegistryError` when one server of them did not answer. */
export async function scan(
  glob: string,
  servers: Servers,
  registry: string,
  signal: AbortSignal,
): Promise<Scan> {
  let route = await servers.route(signal);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const asked = await Promise.all(route.masters.map((address) => servers.at(address, signal)));
    const keys = new Set<string>();
    await Promise.all(asked.map((connection) => scanOne(connection, glob, keys, registry, signal)));
    const lives = await Promise.all(asked.map((connection) => lifeOf(connection, signal)));
    // Keys that moved meanwhile may have been met nowhere.
    const after = await servers.route(signal);
    if (after.text === route.text) return { keys, lives: lives.sort().join(' '), servers: asked };
    route = after;
  }
  throw new RegistryError(
    'conflict',
    `registry ${registry}: the servers changed during each of ${TRIES} scans`,
  );
}

async function scanOne(
  connection: Connection,
  glob: string,
  keys: Set<string>,
  registry: string,
  signal: AbortSignal,
): Promise<void> {
  for (let cursor = '0'; ; ) {
    const answer = await connection.send(['SCAN', cursor, 'MATCH', glob, 'COUNT', COUNT], signal);
    const [next, found] = Array.isArray(answer) ? (answer as unknown[]) : [];
    if (typeof next !== 'string' || !Array.isArray(found))
      throw protocolError(registry, connection.where, 'SCAN: no cursor with keys');
    for (const key of found) keys.add(String(key));
    if (next === '0') return;
    cursor = next;
  }
}

/** Which life of which server it is; empty where that may not be asked. */
async function lifeOf(connection: Connection, signal: AbortSignal): Promise<string> {
  try {
    const answer = await connection.send(['INFO', 'server'], signal);
    return /^run_id:(\w+)/m.exec(String(answer))?.[1] ?? '';
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'forbidden') return '';
    throw error;
  }
}
