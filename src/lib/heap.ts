/** A binary min-heap of items with a time, which finds its items again: for agendas whose entries move. */

interface Slot<T> {
  readonly item: T;
  at: number;
  index: number;
}

export class Heap<T> {
  readonly #slots: Slot<T>[] = [];
  readonly #byItem = new Map<T, Slot<T>>();

  get size(): number {
    return this.#slots.length;
  }

  /** The earliest item and its time. */
  peek(): { readonly item: T; readonly at: number } | undefined {
    return this.#slots[0];
  }

  has(item: T): boolean {
    return this.#byItem.has(item);
  }

  /** The time of the item, undefined where it is not in the heap. */
  at(item: T): number | undefined {
    return this.#byItem.get(item)?.at;
  }

  /** Adds the item, or moves it to another time. */
  set(item: T, at: number): void {
    const known = this.#byItem.get(item);
    if (known !== undefined) {
      known.at = at;
      this.#up(known);
      this.#down(known);
      return;
    }
    const slot = { item, at, index: this.#slots.length };
    this.#slots.push(slot);
    this.#byItem.set(item, slot);
    this.#up(slot);
  }

  delete(item: T): boolean {
    const slot = this.#byItem.get(item);
    if (slot === undefined) return false;
    this.#byItem.delete(item);
    const last = this.#slots.pop();
    if (last !== undefined && last !== slot) {
      this.#place(last, slot.index);
      this.#up(last);
      this.#down(last);
    }
    return true;
  }

  #up(slot: Slot<T>): void {
    while (slot.index > 0) {
      const parent = this.#slots[(slot.index - 1) >> 1];
      if (parent === undefined || parent.at <= slot.at) return;
      this.#swap(slot, parent);
    }
  }

  #down(slot: Slot<T>): void {
    for (;;) {
      const left = this.#slots[2 * slot.index + 1];
      const right = this.#slots[2 * slot.index + 2];
      const least = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (least === undefined || least.at >= slot.at) return;
      this.#swap(slot, least);
    }
  }

  #swap(a: Slot<T>, b: Slot<T>): void {
    const index = a.index;
    this.#place(a, b.index);
    this.#place(b, index);
  }

  #place(slot: Slot<T>, index: number): void {
    slot.index = index;
    this.#slots[index] = slot;
  }
}
