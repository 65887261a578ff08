/** What a consumer is to the others: something that tells, and counts how that went. */

import type { ConsumerConfig } from '../core/consumer.ts';

/** What happened with one consumer since the start. */
export interface ConsumerCounters {
  /** Times it was told: answers of the agent, changes of the file. */
  readonly told: number;
  /** Times it could not be told: questions without an answer, files not written, reloads that failed. */
  readonly failed: number;
}

/** One consumer at work. */
export interface Telling {
  readonly config: ConsumerConfig;
  readonly counters: ConsumerCounters;
  /** Something changed of what it may be told. */
  changed(): void;
  /** Until aborted. */
  run(signal: AbortSignal): Promise<void>;
}
