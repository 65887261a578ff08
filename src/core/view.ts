/** The public read model: what API, page and command line show (DESIGN 3.3). JSON as it is served. */

import type { Reason } from './cause.ts';
import type { Flag, Health } from './health.ts';
import type { ReceiptKind } from './registry.ts';

export type WriteMode = 'apply' | 'dry-run' | 'observe';

export interface LastLookView {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly outcome: 'pass' | 'fail' | 'skip';
  readonly cause: string | null;
  /** Milliseconds. */
  readonly duration: number;
  readonly detail: string | null;
}

export interface CheckView {
  readonly name: string;
  readonly kind: string;
  readonly health: Health;
  readonly reason: Reason;
  readonly since: string;
  readonly rate: number | null;
  readonly reach: number | null;
  readonly passed: number;
  readonly total: number;
  readonly windowStart: string | null;
  /** Milliseconds over the recent passes. */
  readonly latency: { readonly p50: number | null; readonly p95: number | null };
  readonly last: LastLookView | null;
  /** What the check's second rule says, which is never written; null where there is none. */
  readonly shadow?: { readonly rule: string; readonly health: Health; readonly reason: Reason } | null;
}

export interface WriteView {
  readonly mode: WriteMode;
  /** What sonde wants to stand in the registry: a health, `release`, or nothing. */
  readonly desired: string | null;
  /** What it last wrote. */
  readonly written: string | null;
  /** What the registry says of sonde's mark. */
  readonly reported: string | null;
  /** What the registry tells consumers of it, where that is not what stands there (a protection, say). */
  readonly served?: string;
  readonly receipt: ReceiptKind | null;
  readonly at: string | null;
  /** Why a write waits, if one does. */
  readonly held: string | null;
}

export interface InstanceView {
  readonly id: string;
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly host: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly health: Health;
  readonly flags: readonly Flag[];
  readonly since: string;
  readonly reason: Reason;
  readonly checks: readonly CheckView[];
  readonly write: WriteView;
}

export interface RegistryView {
  readonly name: string;
  readonly kind: string;
  readonly up: boolean;
  /** Seconds since the registry last confirmed what is known; null before the first listing. */
  readonly snapshotAge: number | null;
  readonly instances: number;
  readonly writeMode: WriteMode;
  readonly pendingWrites: number;
  readonly held: number;
  /** What the registry does on its own that people should know, a sentence each. */
  readonly notices: readonly string[];
}

/** How far the prober doubts itself, and what follows. */
export interface LocalHealthView {
  /** 0 (well) to 8. */
  readonly score: number;
  /** What made it, in words; empty while the score is 0. */
  readonly reasons: readonly string[];
  /** Until when failures seen from here count for nothing, as far as is known now; null while they count. */
  readonly quarantinedUntil: string | null;
  /** No anchor is reached and no target passes: failures seen from here are no evidence. */
  readonly blind: boolean;
  /** Everything was lost at once: more likely the prober than all its targets. */
  readonly suspectsSelf: boolean;
  /** The score is so high that another prober should take the targets over. */
  readonly handOver: boolean;
  /** What the timeouts of checks are multiplied with, 1 to 3. */
  readonly timeoutFactor: number;
  /** The last time this process could not run, of the last minutes; `lost` in milliseconds. */
  readonly lastStall: { readonly at: string; readonly lost: number; readonly cause: string } | null;
  readonly anchors: readonly { readonly anchor: string; readonly reached: boolean | null }[];
}

/** Of a prober that is well and has no anchors. */
export const PROBER_WELL: LocalHealthView = {
  score: 0,
  reasons: [],
  quarantinedUntil: null,
  blind: false,
  suspectsSelf: false,
  handOver: false,
  timeoutFactor: 1,
  lastStall: null,
  anchors: [],
};

export interface SummaryView {
  readonly version: string;
  readonly instances: Readonly<Record<Health, number>>;
  readonly services: number;
  readonly targets: number;
  readonly registries: readonly RegistryView[];
  /** 0 is perfect, 8 the worst; `prober.score`. */
  readonly localHealth: number;
  readonly prober: LocalHealthView;
  readonly firstRound: { readonly done: number; readonly total: number };
}
