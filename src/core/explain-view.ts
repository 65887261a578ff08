/** The public read model of `explain` and of the configuration in force (DESIGN 3.3). JSON as it is served. */

import type { Reason } from './cause.ts';
import type { Health } from './health.ts';
import type { Intervention } from './intervention.ts';
import type { InstanceView, LastLookView } from './view.ts';

export interface ExplainView {
  readonly instance: InstanceView;
  /** Health, since when, why, and what of it is written: one sentence. */
  readonly sentence: string;
  readonly checks: readonly CheckExplainView[];
  /** What is written, and what holds it back if something does: one sentence. */
  readonly write: string;
  /** How the prober doubts itself now, and what follows: one sentence; null while it is well. */
  readonly doubt: string | null;
  /** The operator's words in force for this instance. */
  readonly interventions: readonly Intervention[];
}

export interface CheckExplainView {
  readonly name: string;
  readonly kind: string;
  readonly health: Health;
  readonly reason: Reason;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly sentence: string;
  /** `file:line:col` of the check, null where it is not known. */
  readonly position: string | null;
  readonly rule: { readonly name: string; readonly kind: string; readonly position: string | null };
  readonly counters: Readonly<Record<string, number | string | null>>;
  readonly changes: readonly { readonly to: Health; readonly when: string }[];
  /** The last ones, newest first; passes never push them out. */
  readonly failures: readonly LastLookView[];
  /** What the check's shadow rule makes of the same looks, which is never written; absent where there is none. */
  readonly shadow?: {
    readonly rule: CheckExplainView['rule'];
    readonly health: Health;
    readonly reason: Reason;
    readonly sentence: string;
  };
}

export interface ConfigurationView {
  /** The file or folder it was made from. */
  readonly source: string;
  /** Short hash over all files it was made from, secrets included. */
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly appliedAt: string;
  /** The last reload, where it was refused: nothing was changed by it. */
  readonly rejected: { readonly at: string; readonly text: string } | null;
  /** What a check or a registry is made of, as a short hash: another one is another configuration. */
  readonly checks: readonly { readonly name: string; readonly fingerprint: string }[];
  readonly registries: readonly { readonly name: string; readonly fingerprint: string }[];
  /** Whether what is learnt is kept over a restart; null where it is not asked to be. */
  readonly state: {
    readonly kept: boolean;
    readonly problem: string | null;
    readonly since: string | null;
  } | null;
}
