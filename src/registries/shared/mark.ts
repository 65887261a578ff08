/**
 * sonde's mark as it stands in file and etcd registries, and what a write makes of what stands there. Pure.
 *
 * The seal is a short hash over everything that sonde wrote, so that even after a restart it can tell its own untouched
 * write from one that somebody edited since.
 */

import { z } from 'zod';
import type { FoundMark } from '../../core/instance.ts';
import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { hashId } from '../../lib/hash.ts';
import { share } from '../../options/fields.ts';

/** As it is stored. */
export interface MarkRecord {
  readonly health: 'healthy' | 'sub-healthy' | 'dead';
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly writer: string;
  readonly version: 1;
  /** What was replaced: the provider's weight, if sonde scales weights. */
  readonly original: { readonly weight?: number };
  readonly seal: string;
}

const markRecord = z.object({
  health: z.enum(['healthy', 'sub-healthy', 'dead']),
  reason: z.string(),
  since: z.string(),
  writer: z.string(),
  version: z.literal(1),
  original: z.object({ weight: z.number().exactOptional() }).default({}),
  seal: z.string().default(''),
});

/** How weights follow health, as shares of the provider's own; what is absent leaves the weight alone. */
export const weightField = z
  .strictObject({ subHealthy: share.default(1), dead: share.default(1) })
  .optional()
  .meta({ description: "Scale the provider's weight while it is sub-healthy or dead; restored afterwards" });

export type WeightScale = z.output<typeof weightField>;

/** What stands in the registry for an instance, as far as sonde has to do with it. */
export interface Standing {
  readonly weight: number | undefined;
  readonly mark: FoundMark | undefined;
}

/** Decodes a stored mark; what is no mark of this version is none. `weight` is the one that stands beside it. */
export function readMark(stored: unknown, weight: number | undefined): FoundMark | undefined {
  const decoded = markRecord.safeParse(stored);
  if (!decoded.success) return undefined;
  const { seal, ...mark } = decoded.data;
  return { ...mark, intact: seal === sealOf(mark, weight) };
}

function sealOf(mark: Omit<MarkRecord, 'seal'>, weight: number | undefined): string {
  const { health, reason, since, writer, version, original } = mark;
  // A weight that sonde did not touch is the provider's to change.
  const own = original.weight === undefined ? null : (weight ?? null);
  return hashId(JSON.stringify([health, reason, since, writer, version, original, own])).slice(0, 8);
}

export type Decision =
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  /** `mark` undefined: none shall stand there. */
  | { readonly kind: 'store'; readonly weight: number | undefined; readonly mark: MarkRecord | undefined };

/** What to store for the request, or the receipt where there is nothing to store. */
export function decide(request: WriteRequest, standing: Standing, scale: WeightScale): Decision {
  const { desired, writer, force } = request;
  const { mark } = standing;
  const receipt = (kind: Receipt['kind'], detail?: string): Decision => ({
    kind: 'receipt',
    receipt: { instance: request.instance.id, kind, ...(detail === undefined ? {} : { detail }) },
  });
  const foreign = mark !== undefined && (mark.writer !== writer || !mark.intact);
  if (foreign && !force) {
    const why = mark.writer === writer ? 'was changed by somebody' : `belongs to writer ${mark.writer}`;
    return receipt('contested', `the mark ${why}`);
  }
  // Always from the provider's own weight, never from what sonde made of it.
  const base = weightBefore(standing);
  if (desired.kind === 'release') {
    if (mark === undefined) return receipt('unchanged');
    return { kind: 'store', weight: mark.intact ? base : standing.weight, mark: undefined };
  }
  if (!foreign && mark?.health === desired.health && mark.reason === desired.reason)
    return receipt('unchanged');
  const scaled = scale !== undefined && base !== undefined;
  const weight = scaled ? rounded(base * factorOf(scale, desired.health)) : standing.weight;
  const { health, reason, since } = desired;
  const bare = {
    health,
    reason,
    since,
    writer,
    version: 1,
    original: scaled ? { weight: base } : {},
  } as const;
  return { kind: 'store', weight, mark: { ...bare, seal: sealOf(bare, weight) } };
}

function weightBefore({ weight, mark }: Standing): number | undefined {
  const original = mark?.original.weight;
  return typeof original === 'number' ? original : weight;
}

function factorOf(scale: NonNullable<WeightScale>, health: MarkRecord['health']): number {
  switch (health) {
    case 'healthy':
      return 1;
    case 'sub-healthy':
      return scale.subHealthy;
    case 'dead':
      return scale.dead;
    default:
      return health satisfies never;
  }
}

function rounded(weight: number): number {
  return Math.round(weight * 1_000) / 1_000;
}
