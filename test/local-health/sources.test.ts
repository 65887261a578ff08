import { describe, expect, it } from 'vitest';
import { systemSources, throttledTime, throttlingFiles } from '../../src/local-health/sources.ts';

describe('what the kernel counts', () => {
  it('is found by cgroup version 2, on the host and in a container', () => {
    expect(throttlingFiles('0::/system.slice/sonde.service\n')).toEqual([
      '/sys/fs/cgroup/system.slice/sonde.service/cpu.stat',
      '/sys/fs/cgroup/cpu.stat',
      '/sys/fs/cgroup/unified/system.slice/sonde.service/cpu.stat',
      '/sys/fs/cgroup/unified/cpu.stat',
    ]);
    expect(throttlingFiles('0::/')).toEqual(['/sys/fs/cgroup/cpu.stat', '/sys/fs/cgroup/unified/cpu.stat']);
  });

  it('is found by cgroup version 1', () => {
    expect(throttlingFiles('5:memory:/a\n4:cpu,cpuacct:/docker/b:c\n')).toEqual([
      '/sys/fs/cgroup/cpu,cpuacct/docker/b:c/cpu.stat',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.stat',
      '/sys/fs/cgroup/cpu/docker/b:c/cpu.stat',
      '/sys/fs/cgroup/cpu/cpu.stat',
    ]);
    expect(throttlingFiles('')).toEqual([]);
  });

  it('is read in milliseconds', () => {
    expect(throttledTime('usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1500\n')).toBe(1.5);
    expect(throttledTime('nr_periods 9\nnr_throttled 3\nthrottled_time 2500000\n')).toBe(2.5);
    expect(throttledTime('usage_usec 5\n')).toBeUndefined();
  });
});

describe('this process', () => {
  it('shows a loop that is held up, and collections of garbage', async () => {
    using scope = new DisposableStack();
    const sources = systemSources(scope);
    const collections: number[] = [];
    scope.use(sources.onCollection((from, to) => collections.push(to - from)));
    const breath = () => new Promise((resolve) => setTimeout(resolve, 30));
    await breath();
    sources.delay();
    await breath();
    // Few samples, so that the 99th percentile is the longest.
    const end = performance.now() + 400;
    while (performance.now() < end) void Array.from({ length: 10_000 }, () => ({}));
    await breath();
    expect(sources.delay()).toBeGreaterThan(300);
    await expect.poll(() => collections.length, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(Math.min(...collections)).toBeGreaterThanOrEqual(0);
    const throttled = sources.throttled();
    expect(throttled === undefined || throttled >= 0).toBe(true);
  });
});
