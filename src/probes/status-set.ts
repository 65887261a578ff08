/** Sets of HTTP status codes as people write them: `200`, `2xx`, `200-399`, and lists of these. Pure. */

/** Inclusive. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** The range, or undefined where the text is none. */
export function parseStatusRange(text: string): StatusRange | undefined {
  const hundred = /^([1-5])xx$/i.exec(text)?.[1];
  if (hundred !== undefined) return { from: Number(hundred) * 100, to: Number(hundred) * 100 + 99 };
  const [, first, last] = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  const range = { from: Number(first), to: Number(last ?? first) };
  return range.from <= range.to ? range : undefined;
}

export function inStatusSet(set: readonly StatusRange[], status: number): boolean {
  return set.some(({ from, to }) => status >= from && status <= to);
}

export function describeStatusSet(set: readonly StatusRange[]): string {
  return set.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}
