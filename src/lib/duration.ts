/** Durations as people write them: `500ms`, `5s`, `1m30s`, `2h`, `1d`. */

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** The grammar, for JSON Schema too (after Kubernetes GEP-2257, with `d`): no signs, no fractions, no bare numbers. */
export const DURATION_PATTERN = '^([0-9]{1,5}(ms|d|h|m|s)){1,5}$';

const whole = new RegExp(DURATION_PATTERN);
const part = /([0-9]{1,5})(ms|d|h|m|s)/g;

/** Milliseconds, or undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!whole.test(text)) return undefined;
  let total = 0;
  for (const [, digits, unit] of text.matchAll(part))
    total += Number(digits) * UNITS[unit as keyof typeof UNITS];
  return total;
}

/** The shortest exact form: `90000` is `1m30s`; `ms` is rounded to whole milliseconds. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest === 0) return '0s';
  let text = '';
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
