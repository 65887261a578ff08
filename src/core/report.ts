/** What the pipeline tells board and metrics, as it happens. Plain data; a listener must not throw or wait. */

import type { Reason } from './cause.ts';
import type { EngineNumbers } from './engine.ts';
import type { ToldEvent } from './event.ts';
import type { Flag, Health } from './health.ts';
import type { Instance, InstanceId } from './instance.ts';
import type { Observation } from './observation.ts';
import type { ReceiptKind, WriteRequest } from './registry.ts';
import type { Verdict } from './rule.ts';
import type { Target, TargetId } from './target.ts';
import type { Transition } from './transition.ts';
import type { WriteMode } from './view.ts';

export type Report =
  /** An instance appeared, or something about it changed; with the targets it has now. */
  | {
      readonly kind: 'instance';
      readonly instance: Instance;
      readonly targets: readonly Target[];
      readonly writeMode: WriteMode;
      /** What was written of it last, as far as is known when it appears: by an earlier process. */
      readonly written?: string | null;
    }
  | { readonly kind: 'departed'; readonly instance: InstanceId }
  | {
      readonly kind: 'observed';
      readonly observation: Observation;
      readonly verdict: Verdict;
      /** What the check's shadow rule says of the same looks; it is never written. */
      readonly shadow?: { readonly verdict: Verdict };
    }
  | { readonly kind: 'target-transition'; readonly instance: InstanceId; readonly transition: Transition }
  /** The instance's aggregated health or flags changed. `from` is the health before. */
  | {
      readonly kind: 'health';
      readonly instance: InstanceId;
      readonly from: Health;
      readonly to: Health;
      readonly reason: Reason;
      readonly flags: readonly Flag[];
      /** `Clock.now()` since when `to` holds. */
      readonly since: number;
      /** The target that decided, if one did. */
      readonly target: TargetId | null;
    }
  /** What shall be written of an instance and why it waits, whenever that changes. */
  | {
      readonly kind: 'desired';
      readonly instance: InstanceId;
      readonly desired: string | null;
      readonly held: string | null;
      /** Somebody else's value or mark stands there, and is left alone. */
      readonly contested?: boolean;
    }
  /**
   * What sonde says of an instance to those who ask it and not a registry, after floor and brake; whenever that changes.
   * `release`: nothing any more (not its business, or not in the mode `apply`); null: nothing is known yet.
   */
  | { readonly kind: 'told'; readonly instance: InstanceId; readonly told: Told }
  /** A write came back. `lag` is milliseconds from when it became desired. */
  | {
      readonly kind: 'receipt';
      readonly instance: InstanceId;
      readonly registry: string;
      readonly desired: string;
      readonly receipt: ReceiptKind;
      readonly detail?: string;
      readonly lag: number;
    }
  /** The registry answered or failed, or its numbers changed. */
  | {
      readonly kind: 'registry';
      readonly registry: string;
      readonly up: boolean;
      /** `Clock.now()` of the last confirmation, null before the first. */
      readonly syncedAt: number | null;
      readonly instances: number;
      readonly pendingWrites: number;
      readonly notices: readonly string[];
      readonly error?: string;
    }
  | { readonly kind: 'numbers'; readonly numbers: EngineNumbers }
  | {
      readonly kind: 'event';
      readonly event: ToldEvent;
    };

export type Told = WriteRequest['desired'] | null;

export type Reporter = (report: Report) => void;
