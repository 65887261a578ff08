/** How far the prober doubts itself: a number from 0 (well) to 8, one step a second. Pure. */

/** What happened in the last second. */
export interface Second {
  /** Milliseconds of event-loop lag, 99th percentile. */
  readonly lag: number;
  /** Scheduled looks that began more than a second late. */
  readonly lateLooks: number;
  /** Looks of our own that ended. */
  readonly looks: number;
  /** Of those, how many our limits stopped: file descriptors, ports, buffers. */
  readonly limited: number;
  /** Of those, how many our network or resolver stopped. */
  readonly cutOff: number;
  readonly anchorsFailed: number;
  readonly anchors: number;
  /** Failures of ours that another vantage contradicted by a pass within 5 s. */
  readonly contradicted: number;
  /** Registries that stopped answering. */
  readonly registriesLost: number;
}

export interface Score {
  /** 0 to 8. */
  readonly value: number;
  /** One phrase for each event of the last second that had any; empty once the value is 0. */
  readonly reasons: readonly string[];
  /** Looks, those that network or resolver stopped, and failures that were contradicted, of about the last 5 s. */
  readonly looks: number;
  readonly cutOff: number;
  readonly contradicted: number;
}

export const WELL: Score = { value: 0, reasons: [], looks: 0, cutOff: 0, contradicted: 0 };

const HIGHEST = 8;
/**
 * Looks are late also where many instances of one host that hangs wait for a place: alone this may slow us down, and must not
 * make us deaf to what is dying there.
 */
const HIGHEST_BY_LATENESS = 3;
const KEEP = 0.8;

interface Event {
  readonly points: number;
  readonly reason: string;
}

/**
 * The score after another second: plus the points of each event, minus 1 for a second without any. After Lifeguard's local
 * health multiplier (Dadgar, Phillips, Currey, DSN-W 2018). Two seconds of 600 ms lag: 0 → 2 → 4.
 */
export function nextScore(before: Score, second: Second): Score {
  const looks = before.looks * KEEP + second.looks;
  const cutOff = before.cutOff * KEEP + second.cutOff;
  const contradicted = before.contradicted * KEEP + second.contradicted;
  const known = { looks, cutOff, contradicted };
  const events = eventsOf(second, cutOff / Math.max(1, looks), contradicted / Math.max(1, looks));
  const reasons = events.map(({ reason }) => reason);
  const late = second.lateLooks > 0 ? [`${second.lateLooks} looks began more than 1 s late`] : [];
  const by = events.reduce((sum, { points }) => sum + points, 0);
  const raised = Math.min(HIGHEST, before.value + by);
  const value = late.length > 0 ? Math.max(raised, Math.min(HIGHEST_BY_LATENESS, raised + 1)) : raised;
  if (events.length > 0 || late.length > 0) return { value, reasons: [...reasons, ...late], ...known };
  const calmer = Math.max(0, before.value - 1);
  return { value: calmer, reasons: calmer === 0 ? [] : before.reasons, ...known };
}

function eventsOf(second: Second, shareCutOff: number, shareContradicted: number): readonly Event[] {
  const events: Event[] = [];
  if (second.lag > 100)
    events.push({ points: second.lag > 500 ? 2 : 1, reason: `event loop ${Math.round(second.lag)} ms late` });
  if (second.limited > 0)
    events.push({
      points: 2,
      reason: `${second.limited} looks stopped by our limits (files, ports, buffers)`,
    });
  // One name or network that cannot be had from here is no ill health of ours: most of the looks must suffer.
  if (second.cutOff > 0 && shareCutOff >= 0.5)
    events.push({ points: 2, reason: 'our network or resolver stops most looks' });
  if (mostFailed(second.anchorsFailed, second.anchors))
    events.push({ points: 2, reason: `${second.anchorsFailed} of ${second.anchors} anchors not reached` });
  // Where looks are lost on all paths every vantage contradicts every other: that is loss, and nobody is ill.
  if (second.contradicted >= 5 && shareContradicted >= 0.5)
    events.push({ points: 1, reason: `${second.contradicted} failures contradicted by other vantages` });
  if (second.registriesLost > 0)
    events.push({ points: 1, reason: `${second.registriesLost} registries stopped answering` });
  return events;
}

/** More than half, and there are any: 1 of 1, 2 of 2, 2 of 3. */
export function mostFailed(failed: number, all: number): boolean {
  return failed * 2 > all;
}

/** What timeouts are multiplied with: 1 to 3. */
export function timeoutFactor(score: number): number {
  return 1 + score / 4;
}

/** From here on failures that we see count for nothing, for `QUARANTINE` milliseconds at least. */
export const QUARANTINE_AT = 4;
export const QUARANTINE = 15_000;
/** From here on another prober should take the targets over. */
export const HAND_OVER_AT = 6;
