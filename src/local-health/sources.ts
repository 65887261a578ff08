/** What the system tells about this process: event-loop delay, garbage collection, CPU throttling of the cgroup. */

import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';

export interface Sources {
  /** Milliseconds between two beats; one that comes late shows a stall. Undefined: no beats, under a clock that cannot be late. */
  readonly beat: number | undefined;
  /** Milliseconds of event-loop delay since it was last asked, 99th percentile. */
  delay(): number;
  /** Hears of each pause for garbage collection; times by `Clock.now()`. */
  onCollection(heard: (from: number, to: number) => void): Disposable;
  /** Milliseconds for which the cgroup was denied CPU since it was made; undefined where nobody counts. */
  throttled(): number | undefined;
}

const BEAT = 20;
/** Milliseconds between two samples of the event loop. */
const RESOLUTION = 10;
const NANOSECONDS = 1e6;

/** Measures from now on, until the scope is disposed. */
export function systemSources(scope: DisposableStack): Sources {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  scope.defer(() => delays.disable());
  const files = throttlingFiles(read('/proc/self/cgroup') ?? '');
  return {
    beat: BEAT,
    delay() {
      // The histogram counts from sample to sample, so that a loop that is never late shows the resolution.
      const delay = delays.count === 0 ? 0 : delays.percentile(99) / NANOSECONDS - RESOLUTION;
      delays.reset();
      return Math.max(0, delay);
    },
    onCollection(heard) {
      const observer = new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) {
          const from = performance.timeOrigin + startTime;
          heard(from, from + duration);
        }
      });
      observer.observe({ entryTypes: ['gc'] });
      return { [Symbol.dispose]: () => observer.disconnect() };
    },
    throttled() {
      for (const file of files) {
        const time = throttledTime(read(file) ?? '');
        if (time !== undefined) return time;
      }
      return undefined;
    },
  };
}

/**
 * Where the kernel may count for this process, by /proc/self/cgroup: version 2 (`0::/path`) and 1 (`7:cpu,cpuacct:/path`).
 * In a container its own path is that of the host, and what is mounted is its root.
 */
export function throttlingFiles(cgroups: string): readonly string[] {
  const files: string[] = [];
  for (const line of cgroups.split('\n')) {
    const [id, controllers, path] = splitThrice(line);
    const mounts = id === '0' && controllers === '' ? ['', '/unified'] : mountsOf(controllers);
    for (const mount of mounts)
      for (const folder of path === '/' ? [''] : [path, ''])
        files.push(`/sys/fs/cgroup${mount}${folder}/cpu.stat`);
  }
  return files;
}

function splitThrice(line: string): readonly [string, string, string] {
  const [id = '', controllers = '', ...path] = line.split(':');
  return [id, controllers, path.join(':')];
}

function mountsOf(controllers: string): readonly string[] {
  return controllers.split(',').includes('cpu') ? [`/${controllers}`, '/cpu'] : [];
}

/** Milliseconds by a `cpu.stat`: `throttled_usec` of version 2, `throttled_time` (nanoseconds) of version 1. */
export function throttledTime(stat: string): number | undefined {
  const version2 = /^throttled_usec (\d+)$/m.exec(stat)?.[1];
  if (version2 !== undefined) return Number(version2) / 1_000;
  const version1 = /^throttled_time (\d+)$/m.exec(stat)?.[1];
  return version1 === undefined ? undefined : Number(version1) / NANOSECONDS;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // No such cgroup here; another place may have it, or nobody counts.
    return undefined;
  }
}
