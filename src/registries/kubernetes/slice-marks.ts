/**
 * Health in an EndpointSlice that was handed to sonde: the conditions of its endpoints, and one annotation with the marks,
 * each with the conditions that were there before. Pure.
 */

import { z } from 'zod';
import type { WritableHealth } from '../../core/health.ts';
import type { FoundMark } from '../../core/instance.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import { MARKS } from './names.ts';
import { type EndpointConditions, type EndpointSlice, parsedJson } from './objects.ts';
import type { KubernetesOptions } from './options.ts';

/** The conditions that are there, in this order. */
export type Conditions = {
  readonly ready?: boolean | undefined;
  readonly serving?: boolean | undefined;
  readonly terminating?: boolean | undefined;
};

export interface StoredMark {
  readonly mark: MarkRecord;
  /** Of the endpoint as the registrar wrote it. */
  readonly was: Conditions;
}

const was = z
  .object({
    ready: z.boolean().exactOptional(),
    serving: z.boolean().exactOptional(),
    terminating: z.boolean().exactOptional(),
  })
  .catch({});

export interface Standing {
  readonly mark: FoundMark | undefined;
  /** The endpoint's own conditions, as if sonde had never written any. */
  readonly was: Conditions;
}

/** The annotation, by host:port; what is no object is as good as none. */
export function storedMarks({ metadata }: EndpointSlice): ReadonlyMap<string, unknown> {
  const stored = parsedJson(metadata.annotations[MARKS] ?? '{}');
  const isRecord = typeof stored === 'object' && stored !== null && !Array.isArray(stored);
  return new Map(isRecord ? Object.entries(stored) : []);
}

export function standingEndpoint(
  stored: unknown,
  conditions: EndpointConditions,
  options: KubernetesOptions,
): Standing {
  const stands = given(conditions);
  if (stored === undefined) return { mark: undefined, was: stands };
  const parts = (typeof stored === 'object' && stored !== null ? stored : {}) as Record<string, unknown>;
  const mark = readMark(parts.mark ?? {}, undefined);
  const before = was.parse(parts.was);
  if (mark === undefined) return { mark, was: before };
  const found = { ...mark, original: before };
  if (!mark.intact) return { mark: found, was: before };
  if (same(stands, conditionsFor(mark.health, before, options))) return { mark: found, was: before };
  // The registrar has put its slice there again, with the annotation left in place: what sonde wrote is lost.
  if (same(stands, before)) return { mark: undefined, was: before };
  const health = stands.ready === false ? 'dead' : 'healthy';
  return { mark: { ...found, health, intact: false }, was: before };
}

/** Healthy is what the registrar wrote: an endpoint that it took out of service itself is not put in again. */
export function conditionsFor(
  health: WritableHealth,
  before: Conditions,
  { subHealthy }: KubernetesOptions,
): Conditions {
  const out = health === 'dead' || (health === 'sub-healthy' && subHealthy === 'not-ready');
  return out ? { ...before, ready: false, serving: false } : before;
}

/** Without those that are not there. */
function given({ ready, serving, terminating }: EndpointConditions): Conditions {
  return {
    ...(ready === undefined ? {} : { ready }),
    ...(serving === undefined ? {} : { serving }),
    ...(terminating === undefined ? {} : { terminating }),
  };
}

export function same(a: Conditions, b: Conditions): boolean {
  return a.ready === b.ready && a.serving === b.serving && a.terminating === b.terminating;
}
