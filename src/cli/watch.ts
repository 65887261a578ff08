/** What changed between two looks at a list. Pure. */

import type { Listing } from './listings.ts';

export interface Row<R> {
  readonly row: R;
  /** It was there and is no more. */
  readonly departed: boolean;
}

export function changesBetween<R>(
  { key, signature, departs }: Listing<R>,
  before: readonly R[],
  after: readonly R[],
): readonly Row<R>[] {
  const known = new Map(before.map((row) => [key(row), row]));
  const changed: Row<R>[] = [];
  for (const row of after) {
    const old = known.get(key(row));
    known.delete(key(row));
    const same = old !== undefined && JSON.stringify(signature(old)) === JSON.stringify(signature(row));
    if (!same) changed.push({ row, departed: false });
  }
  if (!departs) return changed;
  return [...changed, ...[...known.values()].map((row) => ({ row, departed: true }))];
}
