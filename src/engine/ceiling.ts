/** How many looks beside the schedule one target gets, whatever the budget holds. Pure but for the list of when they began. */

/** Under way at once. */
export const MOST_EXTRA = 4;
/** Confirmations begun within a second. */
const MOST_PER_SECOND = 4;

/** When the last confirmations of a target began, oldest first. */
export type Begun = number[];

/** When one more stays below the ceiling. */
export function confirmableAt(begun: Begun, now: number): number {
  const [oldest] = begun;
  return oldest === undefined || begun.length < MOST_PER_SECOND ? now : oldest + 1_000;
}

/** One more begins. */
export function noteBegun(begun: Begun, now: number): void {
  begun.push(now);
  if (begun.length > MOST_PER_SECOND) begun.shift();
}
