/** What the process of writer.ts puts: numbered values, so that whoever finds one knows when it was put. */

export const KEYS = 400;
export const PUTS_A_ROUND = 150;

export function keyOf(put: number): string {
  return `key/${put % KEYS}`;
}

export interface Numbered {
  readonly put: number;
  readonly padding: string;
}

export function numbered(put: number): Numbered {
  return { put, padding: 'x'.repeat(500 + (put % 700)) };
}
