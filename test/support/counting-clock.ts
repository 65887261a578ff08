/** The system's clock, with a count of the timers that were set and neither fired nor were disposed of. */

import { systemClock } from '../../src/app/system-clock.ts';
import type { Clock, Deadline } from '../../src/core/clock.ts';

export class CountingClock implements Clock {
  pending = 0;

  now(): number {
    return systemClock.now();
  }

  wall(): number {
    return systemClock.wall();
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.pending++;
    try {
      await systemClock.sleep(ms, signal);
    } finally {
      this.pending--;
    }
  }

  after(ms: number, run: () => void): Disposable {
    const over = this.#count();
    const timer = systemClock.after(ms, () => {
      over();
      run();
    });
    return {
      [Symbol.dispose]: () => {
        over();
        timer[Symbol.dispose]();
      },
    };
  }

  deadline(ms: number, parent: AbortSignal): Deadline {
    const over = this.#count();
    const deadline = systemClock.deadline(ms, parent);
    return {
      get signal() {
        return deadline.signal;
      },
      get expired() {
        return deadline.expired;
      },
      [Symbol.dispose]: () => {
        over();
        deadline[Symbol.dispose]();
      },
    };
  }

  /** Returns what counts it as over, once. */
  #count(): () => void {
    this.pending++;
    let open = true;
    return () => {
      if (open) this.pending--;
      open = false;
    };
  }
}
