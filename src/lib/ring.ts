/** A list that keeps only its newest so many members. */

export class Ring<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  /** Where the next member goes once the ring is full: the place of the oldest. */
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(item: T): void {
    if (this.#items.length < this.#capacity) {
      this.#items.push(item);
      return;
    }
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** Oldest first. */
  toArray(): readonly T[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
  }

  /** The newest that it holds for; costs what is younger than it. */
  findLast(holds: (item: T) => boolean): T | undefined {
    const count = this.#items.length;
    for (let back = 1; back <= count; back++) {
      const item = this.#items[(this.#next - back + count) % count];
      if (item !== undefined && holds(item)) return item;
    }
    return undefined;
  }
}
