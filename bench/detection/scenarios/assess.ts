/** What consumers of the registry saw, beside the truth: wrong target-seconds, detection, batches, writes. */

import type { Result } from '../result.ts';
import { FAULT_AT, type Fault, type Scene, type Truth } from './faults.ts';

export interface Change {
  readonly at: number;
  readonly index: number;
  readonly health: string;
}

/** Seconds after a recovery in which a target that is still called ill is not called so wrongly. */
const GRACE = 15_000;
/** Milliseconds between writes of dead that belong together. */
const TOGETHER = 250;

export function assess(input: {
  readonly fault: Pick<Fault, 'targets' | 'lasts'>;
  readonly scene: Pick<Scene, 'truth'>;
  readonly writes: readonly Change[];
  readonly verdicts?: readonly { readonly target: number; readonly to: string; readonly at: number }[];
}): Result {
  const { fault, scene, writes } = input;
  const after = writes.filter(({ at }) => at >= FAULT_AT);
  const sums = {
    wrongDead: 0,
    wrongSubHealthy: 0,
    wrongVerdicts: 0,
    missed: 0,
    died: 0,
    writes: 0,
    floorBroken: 0,
    batches: 0,
  };
  const found: number[] = [];
  const back: number[] = [];
  let peak = 0;
  const byTarget = Array.from({ length: fault.targets }, (): Change[] => []);
  for (const one of after) byTarget[one.index]?.push(one);
  const published: string[] = new Array(fault.targets).fill('healthy');
  const next = new Int32Array(fault.targets);
  const lastDead = new Float64Array(fault.targets).fill(Number.NEGATIVE_INFINITY);
  for (let at = FAULT_AT; at < fault.lasts; at += 1_000) {
    let wrong = 0;
    for (let target = 0; target < fault.targets; target++) {
      const list = byTarget[target] ?? [];
      for (
        let one = list[next[target] ?? 0];
        one !== undefined && one.at <= at;
        one = list[next[target] ?? 0]
      ) {
        published[target] = one.health;
        next[target] = (next[target] ?? 0) + 1;
      }
      const is = scene.truth(target, at);
      if (is === 'dead' || is === 'draining') lastDead[target] = at;
      const excused = at - (lastDead[target] ?? 0) <= GRACE;
      if (published[target] === 'dead' && !excused) wrong++;
      if (published[target] === 'sub-healthy' && is === 'healthy' && !excused) sums.wrongSubHealthy++;
    }
    sums.wrongDead += wrong;
    peak = Math.max(peak, wrong);
  }
  for (const { target, to, at } of input.verdicts ?? []) {
    if (to === 'dead' && at >= FAULT_AT && !lately(scene.truth, target, at)) sums.wrongVerdicts++;
  }
  for (let target = 0; target < fault.targets; target++) {
    const list = byTarget[target] ?? [];
    for (const { from, to } of deaths(scene.truth, target, fault.lasts)) {
      sums.died++;
      const told = list.find(({ at, health }) => at >= from && at <= to && health === 'dead');
      if (told === undefined) sums.missed++;
      else found.push((told.at - from) / 1_000);
      if (told === undefined || to >= fault.lasts) continue;
      const up = list.find(({ at, health }) => at >= to && health !== 'dead');
      if (up !== undefined) back.push((up.at - to) / 1_000);
    }
  }
  sums.writes = after.length;
  let last = Number.NEGATIVE_INFINITY;
  for (const { at, health } of after) {
    if (health !== 'dead') continue;
    if (at - last > TOGETHER) sums.batches++;
    last = at;
  }
  return { sums, samples: { found, back }, maxima: { peak, batches: sums.batches, missed: sums.missed } };
}

/** Dead now, or a moment ago: the verdict may be on its way. */
function lately(truth: Scene['truth'], target: number, at: number): boolean {
  for (let before = 0; before <= 3_000; before += 500)
    if (truth(target, at - before) === 'dead' || truth(target, at - before) === 'draining') return true;
  return false;
}

function deaths(truth: (target: number, at: number) => Truth, target: number, lasts: number) {
  const found: { from: number; to: number }[] = [];
  let from: number | undefined;
  for (let at = FAULT_AT; at <= lasts; at += 100) {
    const dead = truth(target, at) === 'dead' && at < lasts;
    if (dead && from === undefined) from = at;
    if (!dead && from !== undefined) {
      found.push({ from, to: at });
      from = undefined;
    }
  }
  return found;
}
