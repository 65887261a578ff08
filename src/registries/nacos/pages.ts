/** Reads a listing that comes in pages without a stable order, so that nothing is missing. */

import { RegistryError } from '../../core/registry.ts';

/** Readings of a listing that changes meanwhile. */
const TRIES = 4;

interface Page<T> {
  readonly items: readonly T[];
  /** How many there are in all, where the page says it. */
  readonly total: number | undefined;
}

export interface Pages<T> {
  readonly first: number;
  readonly size: number;
  readonly read: (page: number) => Promise<Page<T>>;
  /** How many there are in all, for pages that do not say it. */
  readonly count: () => Promise<number>;
  readonly keyOf: (item: T) => string;
  /** What is listed, for the error. */
  readonly what: string;
}

/**
 * All of them, by key. The order comes from concurrent maps and differs between two pages when something joins or leaves:
 * what was read is all only if it is as many as the server says there are.
 */
export async function readPages<T>({
  first,
  size,
  read,
  count,
  keyOf,
  what,
}: Pages<T>): Promise<readonly T[]> {
  for (let attempt = 1; ; attempt++) {
    const found = new Map<string, T>();
    let total: number | undefined;
    for (let page = first; ; page++) {
      const { items, total: said } = await read(page);
      total = said ?? total;
      for (const item of items) found.set(keyOf(item), item);
      // Nacos 1 counts these pages from 0 and Nacos 2 from 1, where 0 is the first one as well: both are read.
      if (items.length === 0 || (items.length < size && page >= 1)) break;
    }
    total ??= await count();
    if (found.size === total) return [...found.values()];
    if (attempt === TRIES)
      throw new RegistryError('conflict', `${what}: ${found.size} of ${total} were listed, ${TRIES} times`);
  }
}
