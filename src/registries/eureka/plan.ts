/** What a write does in Eureka, step by step, from what stands there. Pure. */

import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { decide, type MarkRecord } from '../shared/mark.ts';
import { markText, OUT, type Standing } from './standing.ts';
import type { InstanceInfo } from './wire.ts';

export type Step =
  /** An empty text is no mark: metadata can be overwritten, but not removed. */
  | { readonly kind: 'metadata'; readonly text: string }
  | { readonly kind: 'take-out' }
  /** `status` is what the provider itself is taken to say. */
  | { readonly kind: 'put-back'; readonly status: string };

export type Plan =
  | { readonly kind: 'receipt'; readonly receipt: Receipt['kind']; readonly detail?: string }
  /** The metadata are written again as they are: the server then forgets the override an hour later. */
  | { readonly kind: 'renew'; readonly text: string }
  | { readonly kind: 'steps'; readonly steps: readonly Step[] };

export interface Found {
  readonly info: InstanceInfo;
  readonly standing: Standing;
  readonly metadataKey: string;
  /** The last registration or write of metadata is longer ago than overrides are left alone. */
  readonly stale: boolean;
}

/**
 * The override is set and lifted between two writes of the mark, so that whoever comes after a crash finds in the mark whether
 * the override that stands there is ours.
 */
export function planOf(request: Pick<WriteRequest, 'desired' | 'writer' | 'force'>, found: Found): Plan {
  const { desired, force } = request;
  const { info, standing, metadataKey, stale } = found;
  const decision = decide(request, { mark: standing.mark, ownWeight: undefined }, undefined);
  if (decision.kind === 'receipt' && decision.receipt !== 'unchanged') return decision;
  const dead = desired.kind === 'health' && desired.health === 'dead';
  // What an operator says goes for an override without a mark too.
  const ours = standing.ours || (force && standing.mark === undefined && info.override === OUT);
  const text = info.metadata[metadataKey] ?? '';
  if (decision.kind === 'receipt') {
    const settled = standing.override !== 'changing' && (dead ? ours || standing.override === 'none' : !ours);
    if (settled) return dead && ours && stale ? { kind: 'renew', text } : decision;
  }
  const mark =
    decision.kind === 'store' ? decision.mark : standing.mark === undefined ? undefined : recordIn(text);
  const written = (override: 'ours' | 'changing' | 'none'): Step => ({
    kind: 'metadata',
    text: mark === undefined ? '' : markText(mark, override),
  });
  if (dead) {
    if (ours) return { kind: 'steps', steps: [written('ours')] };
    // Its owner or an operator has it out of service already.
    if (info.status !== 'UP') return { kind: 'steps', steps: [written('none')] };
    return { kind: 'steps', steps: [written('changing'), { kind: 'take-out' }, written('ours')] };
  }
  if (!ours)
    return text === '' && mark === undefined ? unchanged : { kind: 'steps', steps: [written('none')] };
  const announced: readonly Step[] = mark === undefined ? announcedRelease(text) : [written('changing')];
  return {
    kind: 'steps',
    steps: [
      ...announced,
      { kind: 'put-back', status: info.status === OUT ? 'UP' : info.status },
      ...(mark === undefined && text === '' ? [] : [written('none')]),
    ],
  };
}

const unchanged: Plan = { kind: 'receipt', receipt: 'unchanged' };

/** The mark as it stands, but for the override, which is being lifted. */
function announcedRelease(text: string): readonly Step[] {
  const mark = text === '' ? undefined : recordIn(text);
  return mark === undefined ? [] : [{ kind: 'metadata', text: markText(mark, 'changing') }];
}

/** As it is stored; undefined for what is no mark of ours to write again. */
function recordIn(text: string): MarkRecord | undefined {
  try {
    const { override: _, ...mark } = JSON.parse(text) as MarkRecord & { readonly override?: unknown };
    return typeof mark.seal === 'string' ? mark : undefined;
  } catch {
    return undefined;
  }
}
