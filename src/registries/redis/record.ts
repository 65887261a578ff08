/** What stands in Redis for an instance, a hash, a JSON text or the key alone, and what a write changes of it. Pure. */

import { z } from 'zod';
import type { Entry } from '../../core/instance.ts';
import { parseExactJson } from '../../lib/exact-json.ts';
import { type MarkRecord, readMark, type Standing, weightBefore } from '../shared/mark.ts';
import type { Place } from './key-pattern.ts';
import type { RedisOptions } from './options.ts';

type Shape = Pick<RedisOptions, 'value' | 'fields'>;

/** A value by the names of its fields, as read from the server. */
export type Fields = ReadonlyMap<string, unknown>;

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
/** A hash knows texts only. */
const number = z.union([z.number(), z.string().regex(/^[0-9]+(\.[0-9]+)?$/)]).transform(Number);
const flag = z.union([
  z.boolean(),
  z.enum(['true', '1', 'yes', 'false', '0', 'no']).transform((word) => ['true', '1', 'yes'].includes(word)),
]);

const instance = z.object({
  host: z.string().min(1),
  port: number.pipe(z.number().int().min(1).max(65_535)),
  metadata: z.record(z.string(), text),
  enabled: flag.default(true),
  draining: flag.default(false),
  weight: number.exactOptional(),
  incarnation: text.default(''),
});

/** The command that reads the value. */
export function readCommand(key: string, { value }: Shape): readonly string[] {
  if (value === 'hash') return ['HGETALL', key];
  return value === 'json' ? ['GET', key] : ['EXISTS', key];
}

/** The fields that the answer tells; `gone` where there is no such key, undefined where it is no such value. */
export function fieldsOf(answer: unknown, { value }: Shape): Fields | 'gone' | undefined {
  if (value === 'key') return answer === 0 ? 'gone' : new Map();
  if (value === 'json') {
    if (answer === null) return 'gone';
    const decoded = parseJson(answer);
    return decoded === undefined ? undefined : new Map(Object.entries(decoded));
  }
  if (!Array.isArray(answer)) return undefined;
  if (answer.length === 0) return 'gone';
  const fields = new Map<string, unknown>();
  for (let i = 0; i + 1 < answer.length; i += 2) fields.set(String(answer[i]), answer[i + 1]);
  return fields;
}

/** The entry, or undefined where the fields do not say what an instance is. */
export function entryOf(found: Fields, place: Place, { fields: names, value }: Shape): Entry | undefined {
  const weight = found.get(names.weight);
  const incarnation = found.get(names.incarnation);
  const decoded = instance.safeParse({
    host: place.host ?? found.get(names.host),
    port: place.port ?? found.get(names.port),
    metadata: metadataIn(found, names.metadata, value),
    enabled: found.get(names.enabled),
    draining: found.get(names.draining),
    ...(weight === undefined ? {} : { weight }),
    ...(incarnation === undefined ? {} : { incarnation }),
  });
  if (!decoded.success) return undefined;
  const { mark } = standingIn(found, { fields: names, value });
  return { ...decoded.data, key: place.id, revision: '', ...(mark === undefined ? {} : { mark }) };
}

/** A hash has `metadata.KEY` fields, or one with JSON. */
function metadataIn(found: Fields, name: string, value: Shape['value']): unknown {
  const whole = found.get(name);
  const base = value === 'hash' && typeof whole === 'string' ? parseJson(whole) : whole;
  const prefix = `${name}.`;
  const single = [...found].filter(([key]) => key.startsWith(prefix));
  if (single.length === 0) return base ?? (whole === undefined ? {} : undefined);
  return {
    ...(base as object | undefined),
    ...Object.fromEntries(single.map(([k, v]) => [k.slice(prefix.length), v])),
  };
}

const ofLife = z.looseObject({ incarnation: z.string().default('') });

/** Mark and weight as they matter for a write. A mark of an earlier life at the same key is none. */
export function standingIn(found: Fields, { fields: names, value }: Shape): Standing {
  const weight = number.safeParse(found.get(names.weight)).data;
  const stored = storedMark(found.get(names.mark), value);
  const mark = readMark(stored, weight);
  if (mark === undefined) return { mark, ownWeight: weight };
  const life = ofLife.safeParse(stored).data?.incarnation;
  if (life === undefined || life === incarnationIn(found, names.incarnation))
    return { mark, ownWeight: weightBefore(mark, weight) };
  // The new life took the old value over; the weight is ours only if it is still the one that we wrote.
  return { mark: undefined, ownWeight: mark.intact ? weightBefore(mark, weight) : weight };
}

function storedMark(stored: unknown, value: Shape['value']): unknown {
  if (value !== 'hash' || typeof stored !== 'string') return stored;
  // What is no JSON is somebody's, like a damaged mark.
  return parseJson(stored) ?? {};
}

export function incarnationIn(found: Fields, name: string): string {
  return text.safeParse(found.get(name)).data ?? '';
}

export interface Change {
  readonly mark: MarkRecord | undefined;
  readonly weight: number | undefined;
}

/** The mark as it is stored: with the life of the instance that it is of, where that is known. */
export function markText({ mark }: Change, incarnation: string): string | undefined {
  if (mark === undefined) return undefined;
  return JSON.stringify(incarnation === '' ? mark : { ...mark, incarnation });
}

/** The JSON text with our part replaced: what else it has stays, to the last digit. */
export function withMark(json: string, change: Change, incarnation: string, names: Shape['fields']): string {
  const { [names.mark]: _, ...rest } = parseExactJson(json) as Record<string, unknown>;
  const mark = markText(change, incarnation);
  return JSON.stringify({
    ...rest,
    ...(change.weight === undefined ? {} : { [names.weight]: change.weight }),
    ...(mark === undefined ? {} : { [names.mark]: JSON.parse(mark) as unknown }),
  });
}

function parseJson(answer: unknown): Record<string, unknown> | undefined {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(String(answer))).data;
  } catch {
    return undefined;
  }
}
