/** How long ago, for people: short rather than exact. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** At most two units next to each other, rounded down: `12s`, `4m12s`, `17m`, `3h5m`, `2d4h`. Negative is `0s`. */
export function formatAge(ms: number): string {
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const first = UNITS[at];
  if (first === undefined) return '0s';
  const [unit, size] = first;
  const head = `${Math.floor(ms / size)}${unit}`;
  const next = UNITS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  return next === undefined || rest === 0 ? head : `${head}${rest}${next[0]}`;
}
