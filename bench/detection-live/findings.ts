/** A live run beside what was simulated: a row for each fault, and what is wrong with it. Pure. */

import { BOUNDS, type Bound } from './bounds.ts';
import type { Detected, LiveRun } from './measure.ts';

interface Row {
  readonly title: string;
  readonly becomes: string;
  readonly simulated: string;
  /** Seconds; infinite where most were never seen. */
  readonly median: number;
  readonly last: number;
  readonly allowed: string;
  readonly transitions: number;
}

export interface Findings {
  readonly rows: readonly Row[];
  /** What no rule may do: sentences, empty when all is as it should be. */
  readonly wrong: readonly string[];
  /** Bounds of the adaptive window that were crossed. */
  readonly missed: readonly string[];
}

export function findings(run: LiveRun): Findings {
  const rows = BOUNDS.map((bound) => rowOf(bound, run));
  const wrong = [
    ...run.wrong.map((what) => `nothing was done to it, and ${what}`),
    ...paused(run.pause),
    ...unwritten(run.ill),
    ...run.ill
      .filter(({ service, dead }) => ['status-50', 'status-30', 'slow'].includes(service) && dead !== null)
      .map(({ service, host }) => `${service}: ${host} serves part of the time and was dead`),
  ];
  const missed = [
    ...BOUNDS.flatMap((bound) => faultsOf(bound, rowOf(bound, run))),
    ...notServing(of(run, 'status-100')),
  ];
  return { rows, wrong, missed };
}

/** A machine so busy that providers themselves sleep for seconds may show as much. */
const FAILED_BY_CHANCE = 2;

function paused({ transitions, failed }: LiveRun['pause']): readonly string[] {
  const faults: string[] = [];
  if (transitions > 0) faults.push(`${transitions} transitions after the prober was stopped for 3 s`);
  if (failed > FAILED_BY_CHANCE)
    faults.push(`${failed} looks at providers that were well failed when the prober was stopped for 3 s`);
  return faults;
}

function of(run: LiveRun, service: string): readonly Detected[] {
  return run.ill.filter((one) => one.service === service);
}

function rowOf(bound: Bound, run: LiveRun): Row {
  const ill = of(run, bound.service);
  const times = ill
    .map(({ dead, flagged }) => (bound.becomes === 'dead' ? dead : flagged) ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => a - b);
  const last = bound.last === undefined ? '' : `, last ${bound.last}`;
  return {
    title: bound.title,
    becomes: bound.becomes,
    simulated: bound.simulated,
    median: times[Math.floor(times.length / 2)] ?? Number.POSITIVE_INFINITY,
    last: times.at(-1) ?? Number.POSITIVE_INFINITY,
    allowed: `median ${bound.median}${last}`,
    transitions: Math.max(0, ...ill.map(({ transitions }) => transitions)),
  };
}

function faultsOf(bound: Bound, row: Row): readonly string[] {
  const faults: string[] = [];
  const late = (what: string, seconds: number, allowed: number): void => {
    if (!(seconds <= allowed))
      faults.push(`${bound.title}: ${what} ${seconds.toFixed(1)} s, allowed ${allowed} s`);
  };
  late('median', row.median, bound.median);
  if (bound.last !== undefined) late('last', row.last, bound.last);
  if (row.transitions > bound.transitions)
    faults.push(
      `${bound.title}: ${row.transitions} transitions of one instance, allowed ${bound.transitions}`,
    );
  return faults;
}

/** What serves nothing while its peers serve is dead after half a minute, and not before. */
function notServing(ill: readonly Detected[]): readonly string[] {
  return ill
    .filter(({ dead }) => dead === null || dead < 25 || dead > 50)
    .map(
      ({ host, dead }) => `5xx at 100 %: ${host} should be dead after 30 s, and was after ${dead ?? 'never'}`,
    );
}

/** What crashed must stand so in the registry: the floor of half a service is just not crossed. */
function unwritten(ill: readonly Detected[]): readonly string[] {
  return ill
    .filter(({ service, written }) => ['refused', 'hole', 'half'].includes(service) && written !== 'dead')
    .map(({ service, host, written }) => `${service}: ${host} is dead and written ${written ?? 'nothing'}`);
}
