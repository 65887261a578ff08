/** What survives the process: last values by key, read once at the start and written as they change. */

export interface Memory {
  /** What an earlier process remembered under the key, undefined where it did not. */
  recall(key: string): unknown;
  /** Never waits, never throws; `undefined` forgets. The value is read within a second: it must not change meanwhile. */
  remember(key: string, value: unknown): void;
}

/** Nothing survives. */
export const FORGETFUL: Memory = { recall: () => undefined, remember: () => undefined };
