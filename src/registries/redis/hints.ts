/** Keyspace events as hints of which keys to read: they come or they do not, and are never the truth. */

import { RegistryError } from '../../core/registry.ts';
import type { Connection } from './connection.ts';
import { unreachable } from './failure.ts';
import type { Address } from './options.ts';
import type { Servers } from './servers.ts';

/** A heartbeat renews these and changes nothing. */
const HEARTBEATS = ['expire', 'persist'];

/** Of `notify-keyspace-events`: keyspace channels, and generic, hash, string, expired and evicted events. */
const NEEDED = ['g', 'h', '$', 'x', 'e'];

export class Hints {
  readonly #keys = new Set<string>();
  readonly #connections: Connection[] = [];
  readonly #registry: string;
  #lost: Connection | undefined;
  #wake: (() => void) | undefined;
  /** Every server was seen to tell of all its changes. */
  #complete = true;

  private constructor(registry: string) {
    this.#registry = registry;
  }

  /** Subscribes to each of the servers. */
  static async open(
    masters: readonly Address[],
    database: number,
    glob: string,
    servers: Servers,
    registry: string,
    signal: AbortSignal,
  ): Promise<Hints> {
    const hints = new Hints(registry);
    try {
      await Promise.all(
        masters.map(async (address) => {
          const connection = await servers.dedicated(address, signal);
          hints.#connections.push(connection);
          connection.lost.addEventListener('abort', () => hints.#onLost(connection), { once: true });
          await hints.#subscribe(connection, `__keyspace@${database}__:`, glob, signal);
        }),
      );
      return hints;
    } catch (error) {
      hints.close();
      throw error;
    }
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Keys that may have changed, as soon as there are some; none once aborted. Throws `RegistryError` when one is lost. */
  async take(signal: AbortSignal): Promise<readonly string[]> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (this.#keys.size === 0 && this.#lost === undefined && !signal.aborted) await promise;
    if (this.#lost !== undefined) throw unreachable(this.#registry, this.#lost.where, this.#lost.lost.reason);
    const keys = [...this.#keys];
    this.#keys.clear();
    return keys;
  }

  close(): void {
    for (const connection of this.#connections) connection.close(new Error('closed'));
  }

  #onLost(connection: Connection): void {
    this.#lost ??= connection;
    this.#wake?.();
  }

  async #subscribe(connection: Connection, prefix: string, glob: string, signal: AbortSignal): Promise<void> {
    try {
      await connection.subscribe(
        `${prefix}${glob}`,
        (event, channel) => {
          if (HEARTBEATS.includes(event)) return;
          this.#keys.add(channel.slice(prefix.length));
          this.#wake?.();
        },
        signal,
      );
    } catch (error) {
      // Without the permission there are no hints, and the scan tells all the same.
      if (!(error instanceof RegistryError) || error.code === 'unreachable') throw error;
      this.#complete = false;
    }
  }

  /** Whether the server was told to publish what is needed; where that may not be asked, it is not believed. */
  async ask(connection: Connection, signal: AbortSignal): Promise<void> {
    try {
      const answer = await connection.send(['CONFIG', 'GET', 'notify-keyspace-events'], signal);
      const flags = Array.isArray(answer) ? String(answer[1]) : '';
      const all = flags.includes('A') ? [] : NEEDED.filter((flag) => !flags.includes(flag));
      if (!flags.includes('K') || all.length > 0) this.#complete = false;
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code === 'unreachable') throw error;
      this.#complete = false;
    }
  }
}
