/** An outcome with everything that judging needs: plain data, wherever it was made. */

import type { Outcome } from './outcome.ts';
import type { TargetId } from './target.ts';

/** Why somebody looked. */
export type Occasion = 'scheduled' | 'confirmation' | 'manual' | 'external';

export interface Observation {
  readonly target: TargetId;
  /** `Clock.now()` at which the look ended. */
  readonly at: number;
  /** Milliseconds the look took. */
  readonly duration: number;
  /** The place it was looked from. */
  readonly vantage: string;
  readonly occasion: Occasion;
  readonly outcome: Outcome;
  /** False: the vantage doubted itself when it looked; a failure is no evidence then, a pass is. Absent: true. */
  readonly credible?: boolean;
}
