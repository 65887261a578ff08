/** What changed between two looks at a list. Pure. */

import type { Listing } from './listing.ts';

/** A row and what became of it, in the words of kubectl's watch events. */
export interface Change<R> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly row: R;
}

export function changesBetween<R>(
  { key, signature, departs }: Pick<Listing<R>, 'key' | 'signature' | 'departs'>,
  before: readonly R[],
  after: readonly R[],
): readonly Change<R>[] {
  const known = new Map(before.map((row) => [key(row), row]));
  const changes: Change<R>[] = [];
  for (const row of after) {
    const old = known.get(key(row));
    known.delete(key(row));
    if (old === undefined) changes.push({ type: 'ADDED', row });
    else if (JSON.stringify(signature(old)) !== JSON.stringify(signature(row)))
      changes.push({ type: 'MODIFIED', row });
  }
  if (!departs) return changes;
  return [...changes, ...[...known.values()].map((row): Change<R> => ({ type: 'DELETED', row }))];
}
