/** Keys and values as DESIGN 3.7 says: where an instance stands, and what stands there. Pure. */

import { z } from 'zod';
import type { Entry, FoundMark, ServiceName } from '../../core/instance.ts';
import { parseExactJson } from '../../lib/exact-json.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import { decodeText, type KeyValue } from './wire.ts';

export interface Place extends ServiceName {
  readonly id: string;
}

/** `PREFIX/NAMESPACE/SERVICE/ID`, or undefined for a key of another form. */
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

/** The entry, or undefined where the value does not say what an instance is. `status` is a key of its own for the mark. */
export function entryOf(kv: KeyValue, id: string, status: KeyValue | undefined): Entry | undefined {
  const decoded = decodeText(value, kv.value);
  if (decoded === undefined) return undefined;
  const { host, port, metadata, enabled, draining, weight, sonde } = decoded;
  const mark = status === undefined ? readMark(sonde, weight) : readStatus(status, kv.createRevision);
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

const written = z.looseObject({
  weight: z.number().optional().catch(undefined),
  sonde: z.unknown().optional(),
});

/** What of a value matters for a write; undefined where it is no JSON object. */
export function standingIn(
  kv: KeyValue,
): { weight: number | undefined; mark: FoundMark | undefined } | undefined {
  const decoded = decodeText(written, kv.value);
  if (decoded === undefined) return undefined;
  return { weight: decoded.weight, mark: readMark(decoded.sonde, decoded.weight) };
}

/** The provider's value with our part replaced: what else it has stays, to the last digit. */
export function withMark(text: string, mark: MarkRecord | undefined, weight: number | undefined): string {
  const { sonde: _, ...rest } = parseExactJson(text) as Record<string, unknown>;
  return JSON.stringify({
    ...rest,
    ...(weight === undefined ? {} : { weight }),
    ...(mark === undefined ? {} : { sonde: mark }),
  });
}

/** What stands in a status key: a mark, and of which life of the instance. */
interface StatusValue extends MarkRecord {
  readonly incarnation: string;
}

export function formatStatusValue(mark: MarkRecord, incarnation: string): string {
  return JSON.stringify({ ...mark, incarnation } satisfies StatusValue);
}

const statusValue = z.looseObject({ incarnation: z.string() });

/** The mark in a status key; one of another life of the instance is none. */
export function readStatus(status: KeyValue, incarnation: string): FoundMark | undefined {
  const decoded = decodeText(statusValue, status.value);
  // What is no status value at all is somebody's, like a damaged mark.
  if (decoded === undefined) return readMark({}, undefined);
  return decoded.incarnation === incarnation ? readMark(decoded, undefined) : undefined;
}

/** Written by that writer and untouched since. */
export function isStatusOf(status: KeyValue, writer: string): boolean {
  const decoded = decodeText(statusValue, status.value);
  const mark = decoded === undefined ? undefined : readMark(decoded, undefined);
  return mark?.intact === true && mark.writer === writer;
}
