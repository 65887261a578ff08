/** What the board remembers of one instance. */

import type { Reason } from '../core/cause.ts';
import type { Flag, Health } from '../core/health.ts';
import type { Instance } from '../core/instance.ts';
import type { ReceiptKind } from '../core/registry.ts';
import type { TargetId } from '../core/target.ts';
import type { WriteMode } from '../core/view.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { TargetEntry } from './target-entry.ts';

export interface InstanceEntry {
  instance: Instance;
  readonly service: ServiceEntry<InstanceEntry>;
  readonly targets: Map<TargetId, TargetEntry>;
  health: Health;
  reason: Reason;
  /** `Clock.now()`. */
  since: number;
  flags: readonly Flag[];
  mode: WriteMode;
  desired: string | null;
  held: string | null;
  written: string | null;
  contested: boolean;
  receipt: ReceiptKind | null;
  /** `Clock.now()` of the receipt. */
  receiptAt: number | null;
}
