/** Connections kept between looks: at most one idle per instance. */

import type { InstanceId } from '../core/instance.ts';
import type { Line } from './exchange.ts';

export class KeptLines implements Disposable {
  readonly #idle = new Map<InstanceId, Line>();
  #over = false;

  /** Takes the idle one, for exclusive use. */
  take(id: InstanceId): Line | undefined {
    // undici closes what idles too long; of instances that departed nobody else asks. Those that came back first are first.
    for (const [other, { connection }] of this.#idle) {
      if (!connection.socket.destroyed) break;
      this.#idle.delete(other);
    }
    const line = this.#idle.get(id);
    this.#idle.delete(id);
    return line;
  }

  /** Gives one back after a complete exchange. */
  giveBack(id: InstanceId, line: Line): void {
    if (this.#over || this.#idle.has(id)) line.connection.close('reset');
    else this.#idle.set(id, line);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const { connection } of this.#idle.values()) connection.close('reset');
    this.#idle.clear();
  }
}
