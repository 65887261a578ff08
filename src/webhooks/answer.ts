/** What a webhook's answer means. Pure. */

import { parseIsoTime } from '../lib/iso-time.ts';

export type Delivery =
  | { readonly kind: 'delivered' }
  /** 410: the receiver wants nothing any more. */
  | { readonly kind: 'gone' }
  /** `wait`: milliseconds for which the receiver asks for silence. */
  | { readonly kind: 'failed'; readonly reason: string; readonly wait?: number };

/** Longer silence is not granted. */
const LONGEST_WAIT = 3_600_000;

/** `retryAfter` as RFC 9110 has it, in seconds or as a date; `wall` is `Clock.wall()`. */
export function deliveryOf(status: number, retryAfter: string | undefined, wall: number): Delivery {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'gone' };
  if (status >= 300 && status < 400)
    return { kind: 'failed', reason: `status ${status}: redirects are not followed` };
  const reason = `status ${status}`;
  const wait = status === 429 || status === 503 ? waitOf(retryAfter, wall) : undefined;
  return wait === undefined ? { kind: 'failed', reason } : { kind: 'failed', reason, wait };
}

function waitOf(retryAfter: string | undefined, wall: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const date = parseIsoTime(retryAfter);
  const wait = /^[0-9]{1,9}$/.test(retryAfter)
    ? Number(retryAfter) * 1_000
    : date === undefined
      ? undefined
      : Math.max(0, date - wall);
  return wait === undefined ? undefined : Math.min(wait, LONGEST_WAIT);
}
