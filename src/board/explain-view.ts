/** Puts into words why an instance has its health and what of it is written. Pure. */

import type { CheckExplainView, ExplainView } from '../core/explain-view.ts';
import type { Explanation } from '../core/explanation.ts';
import type { Intervention } from '../core/intervention.ts';
import type { CheckView, InstanceView, LastLookView, LocalHealthView, WriteView } from '../core/view.ts';
import { formatAge } from '../lib/age.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { parseIsoTime } from '../lib/iso-time.ts';

export interface ExplainInput {
  readonly instance: InstanceView;
  /** By check, oldest first. */
  readonly failures: ReadonlyMap<string, readonly LastLookView[]>;
  /** By check. */
  readonly checks: ReadonlyMap<string, CheckOrigin>;
  /** Those in force for this instance. */
  readonly interventions: readonly Intervention[];
  readonly prober: LocalHealthView;
  /** Median latency of the peers at a check, milliseconds; null where there are none. */
  readonly peerLatency: (check: string) => number | null;
  /** `Clock.wall()`. */
  readonly now: number;
}

/** What of a check its view does not tell. */
export interface CheckOrigin {
  /** `file:line:col`. */
  readonly position: string | null;
  readonly rule: CheckExplainView['rule'];
  /** In the words of the rule; undefined where it has none. */
  readonly explanation: Explanation | undefined;
  /** The check's shadow rule, where it has one. */
  readonly shadow?: Pick<CheckOrigin, 'rule' | 'explanation'>;
}

export function explainView(input: ExplainInput): ExplainView {
  const { instance, failures, checks, interventions, prober } = input;
  const explained = instance.checks.map((check) =>
    explainCheck(check, checks.get(check.name), failures.get(check.name) ?? [], input),
  );
  return {
    instance,
    sentence: sentenceOf(input),
    checks: explained,
    write: writeSentence(instance, interventions),
    doubt: doubtSentence(prober),
    interventions,
  };
}

function sentenceOf({ instance, checks, peerLatency, now }: ExplainInput): string {
  const { service, host, port, health, reason, since, flags } = instance;
  // The one that decided is of the same health and reason.
  const decided =
    instance.checks.find((check) => check.health === health && check.reason === reason) ??
    instance.checks.find((check) => check.health === health);
  const because =
    decided === undefined ? 'no check applies to it' : why(decided, checks.get(decided.name), peerLatency);
  const stale = flags.includes('stale') ? '; stale: nothing fresh is known of it' : '';
  const who = `${service} ${formatHostPort(host, port)}`;
  return `${who} is ${health} since ${timeOf(since)} (${ageOf(since, now)}): ${reason}, ${because}${stale}.`;
}

function explainCheck(
  check: CheckView,
  origin: CheckOrigin | undefined,
  failures: readonly LastLookView[],
  { peerLatency, now }: Pick<ExplainInput, 'peerLatency' | 'now'>,
): CheckExplainView {
  const { name, kind, health, reason, since } = check;
  const { passed, total, rate, reach } = check;
  return {
    name,
    kind,
    health,
    reason,
    since,
    sentence: `${capital(health)} since ${timeOf(since)} (${ageOf(since, now)}): ${reason}, ${why(check, origin, peerLatency)}.`,
    position: origin?.position ?? null,
    rule: origin?.rule ?? { name: '', kind: '', position: null },
    counters: origin?.explanation?.counters ?? { passed, total, rate, reach },
    changes: origin?.explanation?.changes ?? [],
    failures: failures.toReversed(),
    ...shadowOf(check, origin),
  };
}

function shadowOf(
  { health, shadow }: CheckView,
  origin: CheckOrigin | undefined,
): Pick<CheckExplainView, 'shadow'> {
  if (shadow === undefined || shadow === null || origin?.shadow === undefined) return {};
  const { rule, explanation } = origin.shadow;
  const because = explanation === undefined ? '' : `, ${explanation.because}`;
  const compared = shadow.health === health ? 'would say so too' : `would be ${shadow.health}`;
  const sentence = `By ${rule.name} it ${compared}: ${shadow.reason}${because}.`;
  return { shadow: { rule, health: shadow.health, reason: shadow.reason, sentence } };
}

function doubtSentence(prober: LocalHealthView): string | null {
  const { score, reasons, quarantinedUntil, suspectsSelf, timeoutFactor } = prober;
  if (quarantinedUntil === null && !suspectsSelf && score === 0) return null;
  const why = reasons.length === 0 ? '' : `: ${reasons.join(', ')}`;
  const head = `The prober doubts itself (local health ${score} of 8${why})`;
  if (quarantinedUntil !== null)
    return `${head}: failures that it sees count for nothing until ${timeOf(quarantinedUntil)} at least, passes do.`;
  if (suspectsSelf) return `${head}: nobody is reached any more, so nothing is written dead for now.`;
  return `${head}: timeouts are ${timeoutFactor} times as long.`;
}

/** The clause of the rule, or the numbers of its verdict; with what the last look found where that failed or is ours. */
function why(
  check: CheckView,
  origin: CheckOrigin | undefined,
  peerLatency: ExplainInput['peerLatency'],
): string {
  const { passed, total, rate, last } = check;
  if (last === null && total === 0) return 'nobody has looked yet';
  const numbers =
    rate === null
      ? 'no look counted yet'
      : `${passed} of the last ${total} looks passed (${Math.round(rate * 100)} %)`;
  const ours = last?.outcome === 'skip' ? `; the last look was none: ${ourFault(last)}` : '';
  return `${slowness(check, peerLatency(check.name))}${origin?.explanation?.because ?? numbers}${ours}`;
}

function slowness({ reason, latency: { p50 } }: CheckView, peers: number | null): string {
  if (reason !== 'slow' || p50 === null) return '';
  const beside = peers === null ? '' : `, those of its peers ${millis(peers)}`;
  return `its passes take ${millis(p50)} in the median${beside}; `;
}

function millis(ms: number): string {
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
}

function ourFault({ cause, detail }: LastLookView): string {
  const name = cause ?? 'unknown';
  return detail === null ? name : `${name} (${detail})`;
}

function writeSentence(instance: InstanceView, interventions: readonly Intervention[]): string {
  const { write, registry, since } = instance;
  const laid = interventions[0];
  if (write.mode === 'observe') return `Not written: registry ${registry} is only observed.`;
  if (laid?.kind === 'pause') return `Not written: paused by ${laid.by} ${untilOf(laid)}: ${laid.reason}.`;
  if (laid?.kind === 'release')
    return `Taken back and not written: released by ${laid.by} ${untilOf(laid)}: ${laid.reason}.`;
  if (write.receipt === 'contested')
    return `Contested: somebody else's value or mark stands in registry ${registry}; sonde writes ${orNothing(write.desired)} only when told to.`;
  if (write.held !== null)
    return `Not written: held by ${laid?.kind === 'hold' ? `${laid.by} ${untilOf(laid)}` : `the guard (${write.held})`}; ${lastWritten(write)} stays.`;
  if (write.mode === 'dry-run')
    return write.desired === null
      ? 'Dry-run: would write nothing.'
      : `Dry-run: would write ${write.desired} to registry ${registry}.`;
  if (write.desired === null) return 'Nothing is to be written.';
  if (write.receipt === 'refused')
    return `Not written: registry ${registry} refused ${write.desired} at ${timeOf(write.at)}.`;
  if (write.receipt === 'gone')
    return `Not written: registry ${registry} does not know the instance any more.`;
  // Written before a restart of which nothing was kept, it is known by its mark alone.
  if (write.written !== write.desired && write.reported !== write.desired)
    return `Not written yet: ${write.desired} waits for registry ${registry}.`;
  return `Written as ${write.desired} to registry ${registry}${laterOf(write.at, since)}.`;
}

function lastWritten({ written }: WriteView): string {
  return written === null ? 'what the registry says' : `${written}, written before,`;
}

function orNothing(desired: string | null): string {
  return desired ?? 'anything';
}

function untilOf({ until }: Intervention): string {
  return until === null ? 'until it is lifted' : `until ${timeOf(until)}`;
}

/** How long after the health began; nothing where it was written before, which it may be over a restart. */
function laterOf(at: string | null, since: string): string {
  const later = at === null ? -1 : (parseIsoTime(at) ?? 0) - (parseIsoTime(since) ?? 0);
  return later < 0 ? '' : ` ${formatAge(later)} later`;
}

/** Time of day in UTC. */
function timeOf(at: string | null): string {
  return at === null ? 'an unknown time' : at.slice(11, 19);
}

function ageOf(since: string, now: number): string {
  return formatAge(Math.max(0, now - (parseIsoTime(since) ?? now)));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
