/** One look at one instance by one probe: its deadline, and what comes of a probe that misbehaves. */

import type { Clock } from '../core/clock.ts';
import type { Instance } from '../core/instance.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Probe } from '../core/probe.ts';
import { decodeOutcome } from './plugin-answers.ts';

export interface Look {
  readonly outcome: Outcome;
  /** Milliseconds. */
  readonly duration: number;
  /** The probe broke its contract: it threw, or did not stop at its deadline. */
  readonly broken: boolean;
}

/** How long a probe may take to resolve after its signal aborted. */
const GRACE = 1_000;

/** Causes that say that time ran out. */
const TIMEOUTS: readonly string[] = ['connect-timeout', 'request-timeout', 'script-timeout'];

/** Looks once; never rejects. `timeout` in milliseconds. What is seen after `signal` aborted is worth nothing. */
export async function examine(
  probe: Probe,
  instance: Instance,
  timeout: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Look> {
  const started = clock.now();
  using deadline = clock.deadline(timeout, signal);
  const answer = await runBounded(probe, instance, clock, deadline.signal);
  const duration = clock.now() - started;
  if (answer.broken) return { outcome: answer.outcome, duration, broken: true };
  return { outcome: doubted(answer.outcome, duration, timeout), duration, broken: false };
}

type Answer = Pick<Look, 'outcome' | 'broken'>;

async function runBounded(
  probe: Probe,
  instance: Instance,
  clock: Clock,
  signal: AbortSignal,
): Promise<Answer> {
  using cleanup = new DisposableStack();
  const { promise: overdue, resolve } = Promise.withResolvers<Answer>();
  // From the abort, and as a deadline: a stall of ours that outlasts timeout and grace must not look like the probe's fault.
  const watch = (): void => {
    const grace = cleanup.use(clock.deadline(GRACE, new AbortController().signal));
    grace.signal.addEventListener('abort', () => resolve(broken('did not stop at its deadline')));
  };
  if (signal.aborted) watch();
  else signal.addEventListener('abort', watch, { once: true });
  cleanup.defer(() => signal.removeEventListener('abort', watch));
  try {
    return await Promise.race([ask(probe, instance, signal), overdue]);
  } catch (error) {
    return broken(error instanceof Error ? error.message : String(error));
  }
}

async function ask(probe: Probe, instance: Instance, signal: AbortSignal): Promise<Answer> {
  const outcome = decodeOutcome(await probe.run(instance, signal));
  return outcome === undefined ? broken('answered with no outcome') : { outcome, broken: false };
}

function broken(detail: string): Answer {
  return { outcome: { kind: 'skip', cause: 'plugin-error', detail }, broken: true };
}

/** A timeout that fired late was our own stall: the answer may have been there. */
function doubted(outcome: Outcome, duration: number, timeout: number): Outcome {
  if (outcome.kind !== 'fail' || !TIMEOUTS.includes(outcome.cause)) return outcome;
  const late = duration - timeout;
  if (late <= Math.max(50, timeout / 10)) return outcome;
  const detail = `the deadline of ${timeout} ms was noticed ${Math.round(late)} ms late: the prober stalled`;
  return { kind: 'skip', cause: 'prober-overload', detail };
}
