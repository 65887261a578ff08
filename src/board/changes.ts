/**
 * What of the read model changed, in order, for those who follow along: names only, no values, so that whoever reads late
 * reads what is true then. A ring of the last ones: who fell further behind has to begin anew.
 */

/** `instance` and `event` by id, `service` by its key. */
export type Topic = 'service' | 'instance' | 'event';

export interface Change {
  /** Increases by one with each change. */
  readonly revision: number;
  readonly topic: Topic;
  readonly key: string;
}

export interface Followed {
  /** Up to where the changes go. */
  readonly revision: number;
  /** The newest of each thing, in their order. */
  readonly changes: readonly Change[];
}

const KEPT = 16_384;

export class Changes {
  readonly #ring: Change[] = [];
  readonly #newest = new Map<string, number>();
  readonly #capacity: number;
  readonly #first: number;
  #revision: number;

  /** Revisions go on from `wall`, so that those of an earlier process are never taken for ours. */
  constructor(wall: number, capacity = KEPT) {
    this.#capacity = capacity;
    this.#first = Math.floor(wall) * 1_000;
    this.#revision = this.#first;
  }

  get revision(): number {
    return this.#revision;
  }

  mark(topic: Topic, key: string): void {
    const revision = ++this.#revision;
    const at = revision % this.#capacity;
    const old = this.#ring[at];
    if (old !== undefined && this.#newest.get(nameOf(old)) === old.revision) this.#newest.delete(nameOf(old));
    const change = { revision, topic, key };
    this.#ring[at] = change;
    this.#newest.set(nameOf(change), revision);
  }

  /** At most `limit` changes after the revision; undefined where it is not ours or too long ago. */
  after(revision: number, limit: number): Followed | undefined {
    const oldest = Math.max(this.#first, this.#revision - this.#capacity);
    if (!Number.isSafeInteger(revision) || revision < oldest || revision > this.#revision) return undefined;
    const changes: Change[] = [];
    let reached = revision;
    while (reached < this.#revision && changes.length < limit) {
      const change = this.#ring[++reached % this.#capacity];
      if (change !== undefined && this.#newest.get(nameOf(change)) === change.revision) changes.push(change);
    }
    return { revision: reached, changes };
  }
}

function nameOf({ topic, key }: Change): string {
  return `${topic} ${key}`;
}
