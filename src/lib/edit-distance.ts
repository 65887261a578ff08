/** Which known word was meant by a mistyped one. */

/**
 * Restricted Damerau-Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours that turn one text
 * into the other, no substring edited twice (Boytsov, Indexing Methods for Approximate Dictionary Searching, 2011).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** Longer ones are no slip of the finger, and would take long to compare. */
const LONGEST = 64;

/** The candidate within two edits (one for words of up to four letters), whatever the case and `_` or `-` between words. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const plain = fold(word);
  let found: string | undefined;
  let distance = plain.length <= 4 ? 2 : 3;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > 8) continue;
    const edits = editDistance(plain, fold(candidate));
    if (edits < distance) {
      distance = edits;
      found = candidate;
    }
  }
  return found;
}

function fold(word: string): string {
  return word.toLowerCase().replace(/[_-]/g, '');
}
