/** Keys and values as DESIGN 3.7 says: where an instance stands, and what stands there. Pure. */

import { z } from 'zod';
import type { Entry, FoundMark, ServiceName } from '../../core/instance.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import type { KeyValue } from './wire.ts';

export interface Place extends ServiceName {
  readonly id: string;
}

/** `PREFIX NAMESPACE/SERVICE/ID`, or undefined for a key of another form. */
export function placeOf(key: string, prefix: string): Place | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const [namespace = '', service = '', id = '', ...more] = key.slice(prefix.length).split('/');
  if (namespace === '' || service === '' || id === '' || more.length > 0) return undefined;
  return { namespace, service, id };
}

export function keyOf(prefix: string, { namespace, service, id }: Place): string {
  return `${prefix}${namespace}/${service}/${id}`;
}

const value = z.looseObject({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  metadata: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .default({}),
  enabled: z.boolean().default(true),
  draining: z.boolean().default(false),
  weight: z.number().min(0).exactOptional(),
  sonde: z.unknown().optional(),
});

export type Value = Record<string, unknown>;

/** The value as an object that keeps everything it has, or undefined where it is none. */
export function parseValue(text: string): Value | undefined {
  try {
    const parsed = JSON.parse(text) as unknown;
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Value)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The entry, or undefined where the value does not say what an instance is. `status` is the mark of a key of its own. */
export function entryOf(kv: KeyValue, id: string, status: KeyValue | undefined): Entry | undefined {
  const decoded = value.safeParse(parseValue(kv.value));
  if (!decoded.success) return undefined;
  const { host, port, metadata, enabled, draining, weight, sonde } = decoded.data;
  const mark = status === undefined ? readMark(sonde, weight) : readStatus(status, kv);
  return {
    key: id,
    incarnation: kv.createRevision,
    revision: kv.modRevision,
    host,
    port,
    metadata,
    enabled,
    draining,
    ...(weight === undefined ? {} : { weight }),
    ...(mark === undefined ? {} : { mark }),
  };
}

/** What stands in a status key: a mark, and of which life of the instance. */
interface StatusValue extends MarkRecord {
  readonly incarnation: string;
}

export function formatStatusValue(mark: MarkRecord, incarnation: string): string {
  return JSON.stringify({ ...mark, incarnation } satisfies StatusValue);
}

/** The mark in a status key; one of another life of the instance is none. */
export function readStatus(status: KeyValue, kv: KeyValue): FoundMark | undefined {
  const parsed = parseValue(status.value);
  return parsed?.incarnation === kv.createRevision ? readMark(parsed, undefined) : undefined;
}
