/** The results of all cells, merged over seeds, by their keys. */

import { merge, type Result, type Spread, spread } from '../result.ts';

export class Book {
  readonly #cells: ReadonlyMap<string, Result>;
  readonly #spreads = new Map<string, Spread>();

  constructor(results: ReadonlyMap<string, readonly Result[]>) {
    this.#cells = new Map([...results].map(([key, list]) => [key, merge(list)]));
  }

  get keys(): readonly string[] {
    return [...this.#cells.keys()];
  }

  has(key: string): boolean {
    return this.#cells.has(key);
  }

  sum(key: string, name: string): number {
    return this.#cells.get(key)?.sums[name] ?? 0;
  }

  max(key: string, name: string): number {
    return this.#cells.get(key)?.maxima[name] ?? 0;
  }

  sample(key: string, name: string): readonly number[] {
    return this.#cells.get(key)?.samples[name] ?? [];
  }

  spread(key: string, name: string): Spread {
    const id = `${key}\n${name}`;
    const known = this.#spreads.get(id) ?? spread(this.sample(key, name));
    this.#spreads.set(id, known);
    return known;
  }

  /** Plain and small: sums, maxima, and distributions by their quantiles; six figures say all that is known. */
  toJson(): Readonly<Record<string, unknown>> {
    const cells: Record<string, unknown> = {};
    for (const [key, { sums, maxima, samples }] of [...this.#cells].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const spreads = Object.keys(samples).map((name) => [name, rounded({ ...this.spread(key, name) })]);
      cells[key] = { sums: rounded(sums), maxima: rounded(maxima), samples: Object.fromEntries(spreads) };
    }
    return cells;
  }
}

function rounded(values: Readonly<Record<string, number>>): Readonly<Record<string, number | null>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      Number.isFinite(value) ? Number(value.toPrecision(6)) : null,
    ]),
  );
}
