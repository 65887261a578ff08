/** Short hashes of parts of a decoded configuration: another hash is another configuration. */

import { createHash } from 'node:crypto';

/**
 * 8 hex digits over the value; the order of keys does not matter. So short on purpose: it tells that something changed
 * and gives nothing away of a secret that is part of it. Functions count by their source.
 */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 8);
}

function canonical(value: unknown): string {
  if (typeof value === 'function') return `function ${String(value)}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (value === undefined || typeof value === 'symbol') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof Map) return `map ${canonical([...value])}`;
  if (value instanceof Set) return `set ${canonical([...value])}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A compiled thing (a regular expression, a URL): what it was compiled from is its text.
  if (prototype !== Object.prototype && prototype !== null)
    return `${value.constructor.name} ${String(value as { toString(): string })}`;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join()}}`;
}
