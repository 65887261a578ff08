/** The shipping local health of each vantage, on a clock that stops when its prober does. */

import type { Outcome } from '../../../src/core/outcome.ts';
import { createLocalHealth, type LocalHealth } from '../../../src/local-health/local-health.ts';
import type { Sources } from '../../../src/local-health/sources.ts';
import type { Scene } from '../scenarios/faults.ts';
import type { VirtualClock } from '../world/clock.ts';
import { awakeAt, PausableClock } from '../world/pauses.ts';
import { OUTCOMES, RTT } from '../world/world.ts';
import { SILENT } from './log.ts';
import type { Vantage } from './prober.ts';

/** One in each zone. */
const ANCHORS = ['0', '1', '2'];
/** Milliseconds: as the shipping sources have it. */
const BEAT = 20;

export interface Station extends Vantage {
  readonly local: LocalHealth;
}

export function station(clock: VirtualClock, scene: Scene, vantage: number): Station {
  const pauses = scene.pauses(vantage);
  const own = new PausableClock(clock, pauses);
  const look = async (anchor: string, signal: AbortSignal): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    if (scene.reaches(vantage, Number(anchor), clock.now())) own.after(RTT, () => resolve(OUTCOMES.pass));
    signal.addEventListener('abort', () => resolve(OUTCOMES.lost), { once: true });
    return promise;
  };
  // Beats cost time, and are late only where there are pauses.
  const sources: Sources = {
    beat: pauses.length > 0 ? BEAT : undefined,
    delay: () => 0,
    onCollection: () => ({ [Symbol.dispose]: () => undefined }),
    throttled: () => undefined,
  };
  const name = `v${vantage}`;
  const local = createLocalHealth({
    clock: own,
    log: SILENT,
    vantage: name,
    anchors: ANCHORS,
    look,
    sources,
  });
  return { name, local, awake: (at) => awakeAt(pauses, at) };
}
