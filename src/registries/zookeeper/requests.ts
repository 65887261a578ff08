/** Requests of a session: those that wait, and those on the way, whose answers come in the same order. */

import type { JuteReader } from './jute.ts';

export interface Pending {
  readonly frame: (xid: number) => Buffer;
  /** Reads the answer that has this error code; throws `JuteError`. */
  readonly take: (reader: JuteReader, err: number) => void;
  readonly fail: (error: unknown) => void;
  /** Asking twice does no harm. */
  readonly repeatable: boolean;
}

/** On the way at once; the server itself stops reading at a thousand. */
const WINDOW = 500;

export class Requests {
  #xid = 0;
  #waiting: Pending[] = [];
  #flying: { readonly xid: number; readonly pending: Pending }[] = [];

  /** Answers that are owed. */
  get owed(): number {
    return this.#flying.length;
  }

  add(pending: Pending): void {
    this.#waiting.push(pending);
  }

  /** What may be sent now, which is then on the way. */
  *send(): Generator<Buffer> {
    let next = 0;
    while (this.#flying.length < WINDOW) {
      const pending = this.#waiting[next];
      if (pending === undefined) break;
      next++;
      this.#xid = (this.#xid % 0x7ffffff0) + 1;
      this.#flying.push({ xid: this.#xid, pending });
      yield pending.frame(this.#xid);
    }
    this.#waiting.splice(0, next);
  }

  /** False for an answer that is not the next one. Only what could be read is answered: the rest fails with the connection. */
  answer(xid: number, reader: JuteReader, err: number): boolean {
    const first = this.#flying[0];
    if (first?.xid !== xid) return false;
    first.pending.take(reader, err);
    this.#flying.shift();
    return true;
  }

  /** Of what was on the way nobody knows what came of it: what only reads waits to be asked again. */
  interrupt(error: unknown): void {
    const again: Pending[] = [];
    for (const { pending } of this.#flying) {
      if (pending.repeatable) again.push(pending);
      else pending.fail(error);
    }
    this.#flying = [];
    this.#waiting = [...again, ...this.#waiting];
  }

  failAll(error: unknown): void {
    const all = [...this.#flying.map(({ pending }) => pending), ...this.#waiting];
    this.#flying = [];
    this.#waiting = [];
    for (const { fail } of all) fail(error);
  }
}
