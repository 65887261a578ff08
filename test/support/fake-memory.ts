/** A memory that a process leaves to the next one, as JSON has it. */

import type { Memory } from '../../src/core/memory.ts';

export class FakeMemory implements Memory {
  readonly #found: ReadonlyMap<string, string>;
  readonly #values = new Map<string, unknown>();

  constructor(found: ReadonlyMap<string, string> = new Map()) {
    this.#found = found;
  }

  recall(key: string): unknown {
    const text = this.#found.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  remember(key: string, value: unknown): void {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }

  get keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** What a process finds that starts now. */
  next(): FakeMemory {
    return new FakeMemory(new Map([...this.#values].map(([key, value]) => [key, JSON.stringify(value)])));
  }
}
