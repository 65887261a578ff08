/** Points of time as text, ISO 8601 in UTC, and back. Conversion only: what time it is says the Clock. */

export function isoTime(epochMs: number): string {
  return new Date(Math.round(epochMs)).toISOString();
}

/** Milliseconds since the epoch, or undefined where the text is no point of time. */
export function parseIsoTime(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
