/** One look at one instance by one probe: its deadline, and what comes of a probe that misbehaves. */

import type { Clock } from '../core/clock.ts';
import type { Instance } from '../core/instance.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Probe } from '../core/probe.ts';

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
  const outcome = await runBounded(probe, instance, timeout, clock, deadline.signal);
  const duration = clock.now() - started;
  if ('broken' in outcome) return { outcome: outcome.broken, duration, broken: true };
  return { outcome: doubted(outcome, duration, timeout), duration, broken: false };
}

async function runBounded(
  probe: Probe,
  instance: Instance,
  timeout: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Outcome | { readonly broken: Outcome }> {
  const { promise: overdue, resolve } = Promise.withResolvers<{ readonly broken: Outcome }>();
  using _watchdog = clock.after(timeout + GRACE, () =>
    resolve({ broken: pluginError('did not stop at its deadline') }),
  );
  try {
    return await Promise.race([probe.run(instance, signal), overdue]);
  } catch (error) {
    return { broken: pluginError(error instanceof Error ? error.message : String(error)) };
  }
}

function pluginError(detail: string): Outcome {
  return { kind: 'skip', cause: 'plugin-error', detail };
}

/** A timeout that fired late was our own stall: the answer may have been there. */
function doubted(outcome: Outcome, duration: number, timeout: number): Outcome {
  if (outcome.kind !== 'fail' || !TIMEOUTS.includes(outcome.cause)) return outcome;
  const late = duration - timeout;
  if (late <= Math.max(50, timeout / 10)) return outcome;
  const detail = `the deadline of ${timeout} ms was noticed ${Math.round(late)} ms late: the prober stalled`;
  return { kind: 'skip', cause: 'prober-overload', detail };
}
