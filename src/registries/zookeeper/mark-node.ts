/** sonde's marks in nodes of their own: which health it wrote, of which life, and by which rules consumers were told. */

import { z } from 'zod';
import type { FoundMark, ServiceName } from '../../core/instance.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import { join, type Level } from './level.ts';
import type { ZookeeperOptions } from './options.ts';
import type { RuleItem } from './rule-document.ts';

/** What tells Dubbo's consumers. */
export interface Rules {
  /** Paths of nodes whose names are override URLs. */
  readonly urls: readonly string[];
  /** Items of rule documents, by the path of the document. */
  readonly items: readonly (RuleItem & { readonly document: string })[];
}

export const NO_RULES: Rules = { urls: [], items: [] };

export interface MarkNode {
  readonly mark: FoundMark;
  readonly incarnation: string;
  readonly rules: Rules;
}

/** Below `marksRoot`, what belongs to one root of instances; then services, then instances. */
export function marksPath(options: ZookeeperOptions, root: string): string {
  return join(options.marksRoot, encodeURIComponent(root.slice(1)));
}

const all = (): boolean => true;

export const MARK_LEVELS: readonly Level[] = [
  { kind: 'each', keep: all },
  { kind: 'each', keep: all },
];

export function markGroup({ namespace, service }: ServiceName): string {
  return `${encodeURIComponent(namespace)}:${encodeURIComponent(service)}`;
}

export function serviceOfGroup(group: string): ServiceName | undefined {
  const [namespace, service, ...more] = group.split(':');
  if (namespace === undefined || service === undefined || more.length > 0) return undefined;
  try {
    return { namespace: decodeURIComponent(namespace), service: decodeURIComponent(service) };
  } catch {
    return undefined;
  }
}

export const markName = encodeURIComponent;

/** What counts for the instance: the mark of another life is none, a damaged one is somebody's. */
export function ofLife(node: MarkNode | undefined, incarnation: string): MarkNode | undefined {
  return node?.incarnation === incarnation || node?.mark.version === 0 ? node : undefined;
}

const stored = z.object({
  incarnation: z.string().default(''),
  weight: z.number().optional(),
  urls: z.array(z.string()).default([]),
  items: z
    .array(
      z.object({
        document: z.string(),
        provider: z.string(),
        parameters: z.record(z.string(), z.string()),
      }),
    )
    .default([]),
});

/** Something stands there in any case: what cannot be read is somebody's, like a damaged mark. */
export function readMarkNode(text: string): MarkNode {
  const value = parseJson(text) ?? {};
  const decoded = stored.safeParse(value);
  const { incarnation, weight, urls, items } = decoded.success ? decoded.data : stored.parse({});
  const mark = readMark(value, weight) ?? readMark({}, undefined);
  if (mark === undefined) throw new Error('there is a mark in any case');
  return { mark, incarnation, rules: { urls, items } };
}

export function formatMarkNode(
  mark: MarkRecord,
  weight: number | undefined,
  incarnation: string,
  { urls, items }: Rules,
): string {
  return JSON.stringify({
    ...mark,
    incarnation,
    ...(weight === undefined ? {} : { weight }),
    ...(urls.length === 0 ? {} : { urls }),
    ...(items.length === 0 ? {} : { items }),
  });
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
