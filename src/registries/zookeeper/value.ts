/** What stands in a node for an instance: a JSON text with fields by configured names, or nothing. Pure. */

import { z } from 'zod';
import { parseExactJson } from '../../lib/exact-json.ts';
import { type MarkRecord, readMark, type Standing, weightBefore } from '../shared/mark.ts';
import type { ZookeeperOptions } from './options.ts';

type Shape = Pick<ZookeeperOptions, 'value' | 'fields'>;

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const instance = z.object({
  host: z.string().min(1),
  port: z.coerce.number().int().min(1).max(65_535),
  metadata: z
    .record(z.string(), text)
    .nullish()
    .transform((metadata) => metadata ?? {}),
  enabled: z
    .boolean()
    .nullish()
    .transform((enabled) => enabled ?? true),
  draining: z
    .boolean()
    .nullish()
    .transform((draining) => draining ?? false),
  weight: z.number().min(0).optional(),
});

export type Value = z.output<typeof instance>;

/** Undefined where it does not say what an instance is. `host` and `port` are what its path says, if it does. */
export function readValue(
  data: string,
  { host, port }: { readonly host: string | undefined; readonly port: number | undefined },
  { value, fields }: Shape,
): Value | undefined {
  const json = value === 'none' ? {} : parseObject(data);
  if (json === undefined) return undefined;
  return instance.safeParse({
    host: host ?? fieldIn(json, fields.host),
    port: port ?? fieldIn(json, fields.port),
    metadata: fieldIn(json, fields.metadata),
    enabled: fieldIn(json, fields.enabled),
    draining: fieldIn(json, fields.draining),
    weight: fieldIn(json, fields.weight),
  }).data;
}

function fieldIn(json: Record<string, unknown>, name: string): unknown {
  let value: unknown = json;
  for (const part of name.split('.'))
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  return value;
}

/** Mark and weight as they matter for a write; undefined where it is no JSON object. */
export function standingIn(data: string, { fields }: Shape): Standing | undefined {
  const json = parseObject(data);
  if (json === undefined) return undefined;
  const weight = z.number().safeParse(fieldIn(json, fields.weight)).data;
  const mark = readMark(json.sonde, weight);
  return { mark, ownWeight: weightBefore(mark, weight) };
}

/** The text with our part replaced: what else it has stays, to the last digit. */
export function withMark(
  data: string,
  mark: MarkRecord | undefined,
  weight: number | undefined,
  { fields }: Shape,
): string {
  const { sonde: _, ...rest } = parseExactJson(data) as Record<string, unknown>;
  const standing = fieldIn(parseObject(data) ?? {}, fields.weight);
  if (weight !== undefined && weight !== standing) setField(rest, fields.weight.split('.'), weight);
  return JSON.stringify({ ...rest, ...(mark === undefined ? {} : { sonde: mark }) });
}

function setField(
  json: Record<string, unknown>,
  [first = '', ...more]: readonly string[],
  value: number,
): void {
  const inner = json[first];
  if (more.length === 0) json[first] = value;
  else if (typeof inner === 'object' && inner !== null)
    setField(inner as Record<string, unknown>, more, value);
}

function parseObject(data: string): Record<string, unknown> | undefined {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
}
