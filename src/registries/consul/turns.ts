/** Whose turn it is to be asked about: who was asked longest ago. */

export class Turns<T> {
  readonly #waiting: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting.push(item);
    else taker(item);
  }

  /** Rejects with `signal.reason`. */
  async take(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const next = this.#waiting.shift();
    if (next !== undefined) return next;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const onAbort = (): void => {
      const at = this.#takers.indexOf(resolve);
      if (at >= 0) this.#takers.splice(at, 1);
      reject(signal.reason);
    };
    this.#takers.push(resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
