/** Virtual time in milliseconds: a heap of events ordered by time, and by order of arrival within it. */

import type { Clock, Deadline } from '../../../src/core/clock.ts';

interface Event {
  readonly at: number;
  readonly order: number;
  /** Undefined once disposed. */
  run: (() => void) | undefined;
  /** Of code that waits with promises: they have to settle before time goes on. */
  readonly settles: boolean;
}

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #heap: Event[] = [];
  /** Something that ran may have woken promises. */
  #unsettled = true;

  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  /** An event of the bench itself, after which nothing has to settle. */
  at(time: number, run: () => void): void {
    this.#push({ at: Math.max(time, this.#now), order: this.#order++, run, settles: false });
  }

  after(ms: number, run: () => void): Disposable {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, run, settles: true };
    this.#push(event);
    return {
      [Symbol.dispose]: () => {
        event.run = undefined;
      },
    };
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    const onAbort = (): void => {
      timer[Symbol.dispose]();
      reject(signal.reason);
    };
    const timer = this.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  deadline(ms: number, parent: AbortSignal): Deadline {
    return deadlineOn(this, ms, parent);
  }

  /** Something outside of the events woke promises. */
  unsettle(): void {
    this.#unsettled = true;
  }

  /** Runs the events up to that time; of what waits for promises there must be none. */
  run(until: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      this.#now = next.at;
      next.run?.();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Runs the events up to that time, letting promises settle wherever they may have been woken. */
  async play(until: number): Promise<void> {
    for (;;) {
      if (this.#unsettled) {
        this.#unsettled = false;
        await settled();
      }
      const next = this.#heap[0];
      if (next === undefined || next.at > until) break;
      this.#pop();
      this.#now = next.at;
      if (next.run === undefined) continue;
      next.run();
      if (next.settles) this.#unsettled = true;
    }
    this.#now = Math.max(this.#now, until);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const takesRight = left !== undefined && right !== undefined && isBefore(right, left);
      const least = takesRight ? right : left;
      if (least === undefined || isBefore(last, least)) break;
      heap[index] = least;
      index = 2 * index + (takesRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

/** A deadline on any clock that has `after`. */
export function deadlineOn(clock: Pick<Clock, 'after'>, ms: number, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent.reason);
  if (parent.aborted) onParent();
  else parent.addEventListener('abort', onParent, { once: true });
  const timer = clock.after(ms, () => {
    deadline.expired = true;
    controller.abort(new DOMException('The deadline is over', 'TimeoutError'));
  });
  const deadline = {
    signal: controller.signal,
    expired: false,
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      parent.removeEventListener('abort', onParent);
    },
  };
  return deadline;
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Everything has run that waits only for promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
