/**
 * sonde's mark in the metadata of a Nacos instance, and what a request makes of what stands there. Pure.
 *
 * Nacos has no compare-and-swap, and weight, enabled and metadata cannot be written together without freezing the
 * provider's own metadata. So a change of values is announced first: the mark says what will stand and carries, as
 * `pending`, the one before it. A process that dies in between leaves a mark that tells which of the two holds.
 */

import { z } from 'zod';
import type { WritableHealth } from '../../core/health.ts';
import type { FoundMark } from '../../core/instance.ts';
import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { hashId } from '../../lib/hash.ts';
import type { Host } from './api.ts';
import type { NacosOptions } from './options.ts';

const VERSION = 1 as const;

/** Of an announcement that goes into another one, characters: Nacos takes some thousand for all metadata. */
const LONGEST = 500;

const health = z.enum(['healthy', 'sub-healthy', 'dead']);

const markRecord = z.object({
  health,
  reason: z.string(),
  since: z.string(),
  writer: z.string(),
  version: z.literal(VERSION),
  /** What it is shown by, beside the weight. */
  by: z.enum(['healthy', 'enabled']),
  /** What was replaced; what is not here is the provider's or an operator's to change. */
  original: z.object({ weight: z.number().optional(), enabled: z.boolean().optional() }),
  seal: z.string(),
  /** While the values are being written: what they will be, and the mark before. */
  pending: z
    .object({ nonce: z.string(), weight: z.number(), enabled: z.boolean(), before: z.string().nullable() })
    .optional(),
});

type MarkRecord = z.output<typeof markRecord>;

/** What stands where a mark should, and is none: still somebody's, and not to be written over. */
const damagedMark = z.object({
  health: health.catch('healthy'),
  reason: z.string().catch(''),
  since: z.string().catch(''),
  writer: z.string().catch(''),
  version: z.number().catch(0),
  original: z.record(z.string(), z.unknown()).catch({}),
});

export interface Standing {
  /** The text of the mark, undefined where none is. */
  readonly text: string | undefined;
  /** The mark to go back to when a change comes to nothing; an announcement too, for it may be carried out yet. */
  readonly before: string | undefined;
  readonly mark: FoundMark | undefined;
  readonly record: MarkRecord | undefined;
  /** The health that was written is no longer there: the provider registered again. */
  readonly lost: boolean;
  /** The values were written, and the mark still says that they will be: it must be sealed. */
  readonly unsealed: boolean;
  /** As if sonde had never written. */
  readonly own: { readonly weight: number; readonly enabled: boolean };
}

export function standingIn(host: Host, markKey: string): Standing {
  const text = host.metadata[markKey];
  const own = { weight: host.weight, enabled: host.enabled };
  if (text === undefined || text === '')
    return {
      text: undefined,
      before: undefined,
      mark: undefined,
      record: undefined,
      lost: false,
      unsealed: false,
      own,
    };
  const decoded = markRecord.safeParse(parse(text));
  if (!decoded.success) {
    const rest = damagedMark.safeParse(parse(text));
    const damaged = rest.success ? rest.data : damagedMark.parse({});
    return {
      text,
      before: text,
      mark: { ...damaged, intact: false },
      record: undefined,
      lost: false,
      unsealed: false,
      own,
    };
  }
  const { pending, ...record } = decoded.data;
  const intact = record.seal === sealOf(record, host);
  const carriedOut = pending?.weight === host.weight && pending.enabled === host.enabled;
  if (pending !== undefined && !carriedOut) {
    // The values were not written any more: what was before them holds.
    const { [markKey]: _, ...metadata } = host.metadata;
    const short = text.length <= LONGEST ? text : undefined;
    if (pending.before !== null) {
      const was = standingIn({ ...host, metadata: { ...metadata, [markKey]: pending.before } }, markKey);
      return { ...was, text, before: short ?? was.before };
    }
    const { since, writer, version } = record;
    const mark = {
      health: 'healthy',
      reason: '',
      since,
      writer,
      version,
      original: {},
      intact: true,
    } as const;
    return { text, before: short, mark, record: undefined, lost: false, unsealed: false, own };
  }
  const { seal: _, by, ...mark } = record;
  return {
    text,
    before: JSON.stringify(record),
    record,
    mark: { ...mark, intact },
    unsealed: pending !== undefined,
    lost: intact && by === 'healthy' && host.healthy !== (record.health !== 'dead'),
    own: {
      weight: record.original.weight ?? host.weight,
      enabled: record.original.enabled ?? host.enabled,
    },
  };
}

/** What shall stand there; `record` undefined is no mark, `healthy` undefined leaves the health alone. */
export interface Target {
  readonly record: MarkRecord | undefined;
  readonly weight: number;
  readonly enabled: boolean;
  readonly healthy: boolean | undefined;
}

export type Decision =
  | { readonly kind: 'receipt'; readonly receipt: Receipt['kind']; readonly detail?: string }
  /** The registry says so already, without a mark: an instance that was healthy all the time is left alone. */
  | { readonly kind: 'as-registered' }
  | { readonly kind: 'store'; readonly target: Target };

export type DecideOptions = Pick<NacosOptions, 'weight' | 'persistentDead' | 'markKey'>;

export function decide(
  { desired, writer, force }: Pick<WriteRequest, 'desired' | 'writer' | 'force'>,
  host: Host,
  options: DecideOptions,
): Decision {
  const { mark, record, own, lost, unsealed } = standingIn(host, options.markKey);
  const foreign = mark === undefined ? undefined : foreignness(mark, writer);
  if (foreign !== undefined && !force) return { kind: 'receipt', receipt: 'contested', detail: foreign };
  if (desired.kind === 'release') {
    if (mark === undefined) return { kind: 'receipt', receipt: 'unchanged' };
    const healthy = record?.by === 'healthy' && record.health === 'dead' ? true : undefined;
    return { kind: 'store', target: { record: undefined, ...own, healthy } };
  }
  const { health, reason, since } = desired;
  const by = host.ephemeral === false && options.persistentDead === 'unhealthy' ? 'healthy' : 'enabled';
  const factor = factorOf(options.weight, health);
  const disabled = by === 'enabled' && health === 'dead';
  const healthy = by === 'healthy' ? health !== 'dead' : undefined;
  const original = {
    // Always from the provider's own weight, never from what sonde made of it before.
    ...(factor === 1 ? {} : { weight: own.weight }),
    ...(disabled ? { enabled: own.enabled } : {}),
  };
  const stands = healthy === undefined || healthy === host.healthy;
  if (mark === undefined && health === 'healthy' && stands) return { kind: 'as-registered' };
  const same =
    mark?.health === health && mark.reason === reason && foreign === undefined && !lost && !unsealed;
  if (same && record?.by === by && JSON.stringify(record.original) === JSON.stringify(original))
    return { kind: 'receipt', receipt: 'unchanged' };
  const values = {
    weight: factor === 1 ? own.weight : rounded(own.weight * factor),
    enabled: disabled ? false : own.enabled,
  };
  const bare = { health, reason, since, writer, version: VERSION, by, original } as const;
  const seal = sealOf(bare, values);
  return { kind: 'store', target: { record: { ...bare, seal }, ...values, healthy } };
}

/** The mark as it is announced before its values are written. */
export function announcement(
  target: Target,
  before: string | undefined,
  nonce: string,
  host: Host,
  request: Pick<WriteRequest, 'writer'>,
): string {
  const { record, ...values } = target;
  const { weight, enabled } = values;
  const pending = { nonce, weight, enabled, before: before ?? null };
  if (record !== undefined) return JSON.stringify({ ...record, pending });
  // A release that is cut off after its values looks like a healthy instance, which is what it is.
  const bare = {
    health: 'healthy' as const,
    reason: 'recovered',
    since: '',
    writer: request.writer,
    version: VERSION,
    by:
      host.ephemeral === false && target.healthy !== undefined ? ('healthy' as const) : ('enabled' as const),
    original: {},
  };
  return JSON.stringify({ ...bare, seal: sealOf(bare, values), pending });
}

/** The target stands there, mark and all. */
export function isReached(host: Host, target: Target, markKey: string): boolean {
  const text = host.metadata[markKey];
  const wanted = target.record === undefined ? undefined : JSON.stringify(target.record);
  return (text === '' ? undefined : text) === wanted && haveValues(host, target);
}

/** The values of the target stand there. */
export function haveValues(host: Host, { weight, enabled, healthy }: Omit<Target, 'record'>): boolean {
  return (
    host.weight === weight && host.enabled === enabled && (healthy === undefined || host.healthy === healthy)
  );
}

/** Why the mark is not ours to change, or undefined. */
function foreignness(mark: FoundMark, writer: string): string | undefined {
  if (mark.version > VERSION) return `the mark is of version ${mark.version}, of a newer sonde`;
  if (mark.writer !== '' && mark.writer !== writer) return `the mark is of the writer ${mark.writer}`;
  return mark.intact ? undefined : 'the mark, the weight or enabled was changed by somebody';
}

function sealOf(
  { health, reason, since, writer, version, by, original }: Omit<MarkRecord, 'seal' | 'pending'>,
  values: { readonly weight: number; readonly enabled: boolean },
): string {
  const weight = original.weight === undefined ? null : values.weight;
  const enabled = original.enabled === undefined ? null : values.enabled;
  const sealed = [health, reason, since, writer, version, by, original, weight, enabled];
  return hashId(JSON.stringify(sealed)).slice(0, 8);
}

function factorOf(scale: NacosOptions['weight'], health: WritableHealth): number {
  if (scale === undefined) return 1;
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
