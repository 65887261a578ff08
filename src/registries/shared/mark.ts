/**
 * sonde's mark as it stands in file and etcd registries, and what a write makes of what stands there. Pure.
 *
 * The seal is a short hash over everything that sonde wrote, so that even after a restart it can tell its own untouched
 * write from one that somebody edited since.
 */

import { z } from 'zod';
import type { WritableHealth } from '../../core/health.ts';
import type { FoundMark } from '../../core/instance.ts';
import type { ReceiptKind, WriteRequest } from '../../core/registry.ts';
import { hashId } from '../../lib/hash.ts';
import { share } from '../../options/fields.ts';

const VERSION = 1;

/** As it is stored. */
export interface MarkRecord {
  readonly health: WritableHealth;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly writer: string;
  readonly version: typeof VERSION;
  /** What was replaced: the provider's weight, where sonde scaled it. */
  readonly original: { readonly weight?: number };
  readonly seal: string;
}

const health = z.enum(['healthy', 'sub-healthy', 'dead']);

const markRecord = z.object({
  health,
  reason: z.string(),
  since: z.string(),
  writer: z.string(),
  version: z.literal(VERSION),
  original: z.object({ weight: z.number().exactOptional() }),
  seal: z.string(),
});

/** What stands where a mark should, and is none: still somebody's, and not to be written over. */
const damagedMark = z.object({
  health: health.catch('healthy'),
  reason: z.string().catch(''),
  since: z.string().catch(''),
  writer: z.string().catch(''),
  version: z.number().catch(0),
  original: z.object({ weight: z.number().exactOptional() }).catch({}),
});

/** How weights follow health, as shares of the provider's own; what is absent leaves the weight alone. */
export const weightField = z
  .strictObject({ subHealthy: share.default(1), dead: share.default(1) })
  .optional()
  .meta({ description: "Scale the provider's weight while it is sub-healthy or dead; restored afterwards" });

export type WeightScale = z.output<typeof weightField>;

/** What stands in the registry for an instance, as far as sonde has to do with it. */
export interface Standing {
  readonly mark: FoundMark | undefined;
  /** The provider's own weight, as if sonde had never scaled it. */
  readonly ownWeight: number | undefined;
}

/** The mark that is stored there, undefined where none is. `weight` is the one that stands beside it. */
export function readMark(stored: unknown, weight: number | undefined): FoundMark | undefined {
  if (stored === undefined || stored === null) return undefined;
  const decoded = markRecord.safeParse(stored);
  if (!decoded.success) {
    const rest = damagedMark.safeParse(stored);
    return { ...(rest.success ? rest.data : damagedMark.parse({})), intact: false };
  }
  const { seal, ...mark } = decoded.data;
  return { ...mark, intact: seal === sealOf(mark, weight) };
}

/** The weight before sonde scaled it; `weight` is the one that stands beside the mark. */
export function weightBefore(mark: FoundMark | undefined, weight: number | undefined): number | undefined {
  const original = mark?.original.weight;
  return typeof original === 'number' ? original : weight;
}

function sealOf(mark: Omit<MarkRecord, 'seal'>, weight: number | undefined): string {
  const { health, reason, since, writer, version, original } = mark;
  // A weight that sonde did not scale is the provider's to change.
  const own = original.weight === undefined ? null : (weight ?? null);
  return hashId(JSON.stringify([health, reason, since, writer, version, original, own])).slice(0, 8);
}

export type Decision =
  | { readonly kind: 'receipt'; readonly receipt: ReceiptKind; readonly detail?: string }
  /** What shall stand there: `mark` undefined is none, `weight` undefined is none. */
  | { readonly kind: 'store'; readonly weight: number | undefined; readonly mark: MarkRecord | undefined };

/** What to store for the request, or the receipt where there is nothing to store. */
export function decide(
  { desired, writer, force }: Pick<WriteRequest, 'desired' | 'writer' | 'force'>,
  { mark, ownWeight }: Standing,
  scale: WeightScale,
): Decision {
  const foreign = mark === undefined ? undefined : foreignness(mark, writer);
  if (foreign !== undefined && !force) return { kind: 'receipt', receipt: 'contested', detail: foreign };
  if (desired.kind === 'release') {
    if (mark === undefined) return { kind: 'receipt', receipt: 'unchanged' };
    return { kind: 'store', weight: ownWeight, mark: undefined };
  }
  // Always from the provider's own weight, never from what sonde made of it before.
  const factor = scale === undefined || ownWeight === undefined ? 1 : factorOf(scale, desired.health);
  const weight = ownWeight === undefined || factor === 1 ? ownWeight : rounded(ownWeight * factor);
  const original = ownWeight === undefined || factor === 1 ? {} : { weight: ownWeight };
  const same = mark?.health === desired.health && mark.reason === desired.reason;
  if (foreign === undefined && same && mark.original.weight === original.weight)
    return { kind: 'receipt', receipt: 'unchanged' };
  const { health, reason, since } = desired;
  const bare = { health, reason, since, writer, version: VERSION, original } as const;
  return { kind: 'store', weight, mark: { ...bare, seal: sealOf(bare, weight) } };
}

/** Why the mark is not ours to change, or undefined. */
function foreignness(mark: FoundMark, writer: string): string | undefined {
  if (mark.version > VERSION) return `the mark is of version ${mark.version}, of a newer sonde`;
  if (mark.writer !== '' && mark.writer !== writer) return `the mark is of the writer ${mark.writer}`;
  return mark.intact ? undefined : 'the mark, or what stands beside it, was changed by somebody';
}

function factorOf(scale: NonNullable<WeightScale>, health: WritableHealth): number {
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

/** 100 × 0.3 is 30, not 30.000000000000004. */
function rounded(weight: number): number {
  return Math.round(weight * 1_000) / 1_000;
}
