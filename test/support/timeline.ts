/** Rules as timelines of text: one character in for each outcome, one out for the health after it. */

import type { Health } from '../../src/core/health.ts';
import type { Observation } from '../../src/core/observation.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Peers, Rule, Step } from '../../src/core/rule.ts';
import type { Seed } from '../../src/core/seed.ts';
import type { TargetId } from '../../src/core/target.ts';

/** `+` passed, `~` passed slowly (9 s), `-` failed, `x` not reached, `o` skipped. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  '+': { kind: 'pass' },
  '~': { kind: 'pass' },
  '-': { kind: 'fail', cause: 'status', reached: true, detail: 'status 500' },
  x: { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' },
  o: { kind: 'skip', cause: 'prober-overload', detail: 'busy' },
};

const LETTERS = { unknown: 'u', healthy: 'h', 'sub-healthy': 's', dead: 'd' } as const satisfies Record<
  Health,
  string
>;

export const UNKNOWN: Seed = { health: 'unknown', reason: 'no-evidence', graceUntil: 0 };

export interface TimelineOptions {
  readonly seed?: Seed;
  readonly peers?: Peers;
  /** Milliseconds between outcomes. */
  readonly every?: number;
  /** `Clock.now()` of the first outcome. */
  readonly from?: number;
}

export function observation(mark: string, at = 0): Observation {
  const outcome = OUTCOMES[mark];
  if (outcome === undefined) throw new Error(`no outcome ${mark}`);
  const duration = mark === '~' ? 9_000 : 1;
  return { target: 't' as TargetId, at, duration, vantage: 'here', occasion: 'scheduled', outcome };
}

export function steps(rule: Rule, outcomes: string, options: TimelineOptions = {}): readonly Step<unknown>[] {
  let state = rule.initial(options.seed ?? UNKNOWN);
  const every = options.every ?? 1_000;
  return [...outcomes].map((mark, index) => {
    const now = (options.from ?? 0) + index * every;
    const peers = options.peers ?? { total: 2, serving: 2 };
    const step = rule.step(state, observation(mark, now), { now, backgroundLoss: 0, peers });
    state = step.state;
    return step;
  });
}

export function timeline(rule: Rule, outcomes: string, options: TimelineOptions = {}): string {
  return steps(rule, outcomes, options)
    .map(({ verdict }) => LETTERS[verdict.health])
    .join('');
}
