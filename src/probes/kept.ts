/** Connections kept between looks: at most one idle per instance, closed when nobody came back for it. */

import type { Client } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { InstanceId } from '../core/instance.ts';
import type { Connection } from './connection.ts';

/** A client and the one connection it speaks on. */
export interface Line {
  readonly client: Client;
  readonly connection: Connection;
}

interface Idle {
  readonly line: Line;
  readonly since: number;
}

/** Milliseconds after which an idle connection is given up. */
const FORGET = 600_000;

export class KeptClients implements Disposable {
  readonly #clock: Clock;
  readonly #idle = new Map<InstanceId, Idle>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the idle one, for exclusive use. */
  take(id: InstanceId): Line | undefined {
    const now = this.#clock.now();
    for (const [other, { line, since }] of this.#idle) {
      // Idle ones are in the order in which they came back.
      if (now - since < FORGET) break;
      this.#idle.delete(other);
      hangUp(line, 'reset');
    }
    const line = this.#idle.get(id)?.line;
    this.#idle.delete(id);
    return line;
  }

  /** Gives one back after a complete exchange. */
  giveBack(id: InstanceId, line: Line): void {
    if (this.#idle.has(id)) hangUp(line, 'reset');
    else this.#idle.set(id, { line, since: this.#clock.now() });
  }

  [Symbol.dispose](): void {
    for (const { line } of this.#idle.values()) hangUp(line, 'reset');
    this.#idle.clear();
  }
}

/** Closes the connection at once; what the client still does about it nobody needs to wait for. */
export function hangUp({ client, connection }: Line, how: 'reset' | 'fin'): void {
  connection.close(how, () => {
    client.destroy().catch(() => undefined);
  });
}
