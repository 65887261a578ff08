/** The one place that touches the system's clocks and timers. */

import { setTimeout as sleepFor } from 'node:timers/promises';
import type { Clock, Deadline } from '../core/clock.ts';

/** Node's timers hold 0 to 2^31 - 1 ms; other waits are cut to that. */
const LONGEST = 2 ** 31 - 1;

function timerMs(ms: number): number {
  return Math.max(0, Math.min(ms, LONGEST));
}

export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  wall: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await sleepFor(timerMs(ms), undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
  after(ms, run) {
    const timer = setTimeout(run, timerMs(ms));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  deadline: (ms, parent) => new SystemDeadline(ms, parent),
};

class SystemDeadline implements Deadline {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  expired = false;

  constructor(ms: number, parent: AbortSignal) {
    this.#parent = parent;
    if (parent.aborted) {
      this.#controller.abort(parent.reason);
      return;
    }
    parent.addEventListener('abort', this.#onParent, { once: true });
    this.#timer = setTimeout(
      () => {
        // Timers run before ready sockets are read: give what arrived during a stall its turn first.
        this.#turn = setImmediate(this.#expire);
      },
      Math.min(ms, LONGEST),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#parent.removeEventListener('abort', this.#onParent);
  }

  readonly #onParent = (): void => this.#controller.abort(this.#parent.reason);

  readonly #expire = (): void => {
    this.expired = true;
    this.#controller.abort(new DOMException('The deadline is over', 'TimeoutError'));
  };
}
