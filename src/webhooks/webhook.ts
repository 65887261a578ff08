/** What a webhook is told of, and how: the decoded form of one entry under `webhooks:`. */

import type { Match } from '../core/check.ts';

/** What a webhook may ask to hear of. */
export type WebhookEvent = 'transition' | 'write-failure' | 'registry';

export interface WebhookConfig {
  /** Unique; what logs and counters call it. */
  readonly name: string;
  /** http or https; may hold user and password, which are sent as basic authentication. */
  readonly url: string;
  /** `whsec_` with base64, or any text; each one makes a signature. Without one nothing is signed. */
  readonly secrets: readonly string[];
  readonly events: readonly WebhookEvent[];
  /** Of the instance; of what it says only `registry` concerns events of a registry. */
  readonly match: Match;
  /** Milliseconds for one delivery. */
  readonly timeout: number;
  /** Sent beside our own, which win. */
  readonly headers: Readonly<Record<string, string>>;
}
