/** The part of `/metrics` that has series per webhook: rendered from the present, so that what was removed is gone. */

import { family } from './catalogue.ts';
import { head, line } from './exposition.ts';

/** Of one webhook, since it was configured. */
export interface WebhookNumbers {
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
  readonly superseded: number;
  readonly dropped: number;
  readonly expired: number;
  readonly unwanted: number;
}

const RESULTS = ['delivered', 'failed', 'superseded', 'dropped', 'expired', 'unwanted'] as const;

/** By name. */
export function* webhooksText(webhooks: ReadonlyMap<string, WebhookNumbers>): Generator<string> {
  const deliveries = family('sonde_webhook_deliveries_total');
  yield head(deliveries);
  for (const [name, numbers] of webhooks)
    for (const result of RESULTS) yield line(deliveries, [name, result], numbers[result]);
  const waiting = family('sonde_webhook_waiting');
  yield head(waiting);
  for (const [name, numbers] of webhooks) yield line(waiting, [name], numbers.waiting);
}
