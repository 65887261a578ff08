import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/support/server-reporter.ts', './test/support/count-reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Most of them wait for servers and for time to pass: one fewer than there are cores, the default, would be idle mostly.
    maxWorkers: Math.max(3, availableParallelism()),
  },
});
