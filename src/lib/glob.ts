/** Globs: `*` is any run of characters, `?` is one character, everything else is itself. */

/** Linear in text × stars at worst; no backtracking blow-up. */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** True if a pattern without `!` matches (or there is none) and no pattern with a leading `!` does. */
export function globListMatches(patterns: readonly string[], text: string): boolean {
  let wanted = false;
  let positives = 0;
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (globMatches(pattern.slice(1), text)) return false;
      continue;
    }
    positives++;
    wanted ||= globMatches(pattern, text);
  }
  return wanted || positives === 0;
}
