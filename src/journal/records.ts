/** What the records of a journal say: a value put, a key forgotten, or that the snapshot at its start is complete. Pure. */

import { readFrames } from './frames.ts';

/** A record's text is a JSON array: `[key, value]`, `[key]` for what is forgotten, `[]` at the snapshot's end. */
export const SNAPSHOT_END = '[]';

/** In UTF-16 code units: a larger record is not kept. */
const LARGEST = 1024 * 1024;

/** Undefined where the value has no JSON or is too large. */
export function putText(key: string, value: unknown): string | undefined {
  try {
    const text = JSON.stringify([key, value]);
    return text.length > LARGEST ? undefined : text;
  } catch {
    // A cycle, a bigint, a toJSON that throws: of the user's plugin.
    return undefined;
  }
}

export function forgetText(key: string): string {
  return JSON.stringify([key]);
}

/** What a journal's file leaves to the next process. */
export interface Left {
  readonly values: Map<string, unknown>;
  /** The records that say so, by key. */
  readonly texts: Map<string, string>;
  /** What is wrong with the file; a torn end is not. */
  readonly damage?: string;
}

/** The last values before the end or the damage. */
export function readJournal(bytes: Buffer): Left {
  const { texts: records, ending } = readFrames(bytes);
  const values = new Map<string, unknown>();
  const texts = new Map<string, string>();
  let complete = false;
  for (const text of records) {
    const record = decode(text);
    switch (record?.kind) {
      case 'put':
        values.set(record.key, record.value);
        texts.set(record.key, text);
        break;
      case 'forget':
        values.delete(record.key);
        texts.delete(record.key);
        break;
      case 'snapshot-end':
        complete = true;
        break;
      case undefined:
        return { values, texts, damage: 'a record is of no known kind' };
      default:
        record satisfies never;
    }
  }
  if (ending.kind === 'damaged') return { values, texts, damage: ending.reason };
  // The file got its name only when its snapshot was complete.
  return complete ? { values, texts } : { values, texts, damage: 'it ends within its snapshot' };
}

type JournalRecord =
  | { readonly kind: 'put'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'forget'; readonly key: string }
  | { readonly kind: 'snapshot-end' };

function decode(text: string): JournalRecord | undefined {
  const record = parse(text);
  if (!Array.isArray(record)) return undefined;
  const [key, value]: readonly unknown[] = record;
  if (key === undefined) return { kind: 'snapshot-end' };
  if (typeof key !== 'string') return undefined;
  return record.length === 1 ? { kind: 'forget', key } : { kind: 'put', key, value };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
