/**
 * What many passes in a row make of an idle target, without stepping each of them: the closed form of
 * `src/rules/adaptive` where nothing is suspected. test/bench holds it to the stepped one, bit by bit.
 */

import type { AdaptiveState, Tally } from '../../../src/rules/adaptive/state.ts';

/** As src/rules/adaptive/adaptive.ts has them. */
const HALF = 50;
const OWN_STEP = 1 / 30;
const LONGEST_ROW = 9_999;

/** Nothing but passes can be expected to change anything of it. */
export function isIdle(state: AdaptiveState): boolean {
  return (
    state.health === 'healthy' &&
    state.run === null &&
    state.ill === 0 &&
    state.slow === 0 &&
    state.found === null &&
    state.failingSince === null &&
    state.upSince !== null &&
    state.grace === 0 &&
    state.row > 0
  );
}

/** The state after so many passes: the first began at `first`, one every `interval`, each answered after `duration`. */
export function afterPasses(
  state: AdaptiveState,
  count: number,
  first: number,
  interval: number,
  duration: number,
): AdaptiveState {
  if (count === 0) return state;
  const last = first + (count - 1) * interval;
  return {
    ...state,
    at: Math.floor(last + duration),
    answered: Math.max(state.answered ?? 0, Math.floor(last)),
    row: Math.min(LONGEST_ROW, state.row + count),
    own: fadedOwn(state.own, count),
    recent: recentAfter(state.recent, count, first + duration, interval),
  };
}

function fadedOwn(own: number, count: number): number {
  let faded = own;
  for (let i = 0; i < count; i++) {
    const next = Math.round(faded * (1 - OWN_STEP) * 10_000) / 10_000;
    if (next === faded) break;
    faded = next;
  }
  return faded;
}

function recentAfter(
  [older, newer]: AdaptiveState['recent'],
  count: number,
  first: number,
  interval: number,
): AdaptiveState['recent'] {
  let [before, now]: [Tally | null, Tally | null] = [older, newer];
  for (let done = 0; done < count; ) {
    if (now === null || now[2] >= HALF) {
      if (now !== null) before = now;
      now = [1, 1, 1, Math.floor(first + done * interval)];
      done++;
      continue;
    }
    const more = Math.min(HALF - now[2], count - done);
    now = [now[0] + more, now[1] + more, now[2] + more, now[3]];
    done += more;
  }
  return [before, now];
}
