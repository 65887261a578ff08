/** Connections kept between looks: at most one idle per instance, closed when nobody came back for it. */

import type { Client } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { InstanceId } from '../core/instance.ts';

interface Idle {
  readonly client: Client;
  readonly since: number;
}

/** Milliseconds after which an idle connection is given up. */
const FORGET = 600_000;

export class KeptClients implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #idle = new Map<InstanceId, Idle>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the idle one, for exclusive use. */
  take(id: InstanceId): Client | undefined {
    const now = this.#clock.now();
    for (const [other, { client, since }] of this.#idle) {
      // Idle ones are in the order in which they came back.
      if (now - since < FORGET) break;
      this.#idle.delete(other);
      client.destroy().catch(() => undefined);
    }
    const client = this.#idle.get(id)?.client;
    this.#idle.delete(id);
    return client;
  }

  /** Gives one back after a complete exchange. */
  async giveBack(id: InstanceId, client: Client): Promise<void> {
    if (this.#idle.has(id)) await client.destroy();
    else this.#idle.set(id, { client, since: this.#clock.now() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#idle.values()].map(({ client }) => client.destroy()));
    this.#idle.clear();
  }
}
