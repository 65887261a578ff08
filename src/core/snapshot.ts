/** What a registry tells: whole truths about services, one after the other. */

import type { Entry, ServiceName } from './instance.ts';

export type Snapshot =
  /** All instances of one service at one moment; an empty list is a service that exists without instances. */
  | (ServiceName & { readonly kind: 'service'; readonly entries: readonly Entry[] })
  /** The service is no longer in the registry. */
  | (ServiceName & { readonly kind: 'gone' })
  /**
   * Everything told so far is the registry's present truth. The first one after `snapshots()` was opened also says that
   * services which were not told since are gone. Repeated at least every 10 s while the registry answers, so that
   * silence is never taken for "no change".
   */
  | {
      readonly kind: 'synced';
      /** What the registry does on its own that people should know (self-preservation, …): a sentence each, now. */
      readonly notices?: readonly string[];
    };
