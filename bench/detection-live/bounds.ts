/** What must be seen of each fault on real sockets: the constants of the simulation, with room for a busy machine. */

import type { ServiceName } from './world.ts';

export interface Bound {
  readonly service: ServiceName;
  readonly title: string;
  /** The health that is waited for; `sub-healthy`: dead counts too. */
  readonly becomes: 'dead' | 'sub-healthy';
  /** What the simulation says for one vantage at one look per 5 s, for people. */
  readonly simulated: string;
  /** Seconds: the median of the instances must not be later. */
  readonly median: number;
  /** Seconds: the last instance must not be later; undefined where the tail is long by nature. */
  readonly last?: number;
  /** Transitions of an instance from the fault to the end. */
  readonly transitions: number;
}

/**
 * One vantage, one look per 5 s, connect timeout 500 ms, timeout 2 s (detection.md 2.6, 3.2). Beside the simulated figure the
 * room is for the few instances (a median of 3 to 5) and for machines that do other things too.
 */
export const BOUNDS: readonly Bound[] = [
  {
    service: 'refused',
    title: 'crash, refused',
    becomes: 'dead',
    simulated: 'mean 4.5, p99 7.0',
    median: 7.5,
    last: 10,
    transitions: 2,
  },
  {
    service: 'hole',
    title: 'crash, black hole',
    becomes: 'dead',
    simulated: 'mean 5.6, p99 8.1',
    median: 8,
    last: 11,
    transitions: 2,
  },
  {
    service: 'half',
    title: 'half of a service, refused',
    becomes: 'dead',
    simulated: 'mean 4.5, p99 7.0',
    median: 7.5,
    last: 10,
    transitions: 2,
  },
  {
    service: 'status-100',
    title: '5xx at 100 %',
    becomes: 'sub-healthy',
    simulated: 'p50 5.5, p95 7.8',
    median: 9,
    last: 12,
    transitions: 3,
  },
  {
    service: 'status-50',
    title: '5xx at 50 %',
    becomes: 'sub-healthy',
    simulated: 'p50 13.8, p95 35.8',
    median: 36,
    transitions: 3,
  },
  {
    service: 'status-30',
    title: '5xx at 30 %',
    becomes: 'sub-healthy',
    simulated: 'p50 37.9, p95 111',
    median: 90,
    transitions: 3,
  },
  {
    service: 'hang',
    title: 'hangs after connect',
    becomes: 'sub-healthy',
    simulated: '7 looks of 2 s that overlap, 0.5 s apart: 2.5 + 2 + 3',
    median: 14,
    last: 18,
    transitions: 3,
  },
  {
    service: 'slow',
    title: 'slow, 3 times its peers',
    becomes: 'sub-healthy',
    simulated: 'p50 10, p95 16',
    median: 20,
    transitions: 3,
  },
];
