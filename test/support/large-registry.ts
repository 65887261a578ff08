/** Measures a registry with ten thousand instances: how soon a single change is told, and what was read again for it. */

import { expect } from 'vitest';
import type { RegistryPlugin } from '../../src/core/registry.ts';
import { Follower, make } from '../contracts/registry.contract.ts';
import type { CountingProxy } from './counting-proxy.ts';

export const INSTANCES = 10_000;
const CHANGES = 5;

export interface LargeRegistry {
  readonly title: string;
  readonly plugin: RegistryPlugin;
  readonly options: object;
  readonly proxy: CountingProxy;
  /** Registers one more provider. */
  add(i: number): Promise<void>;
}

export interface Measured {
  /** Milliseconds from the change until it was told, in ascending order. */
  readonly told: readonly number[];
  readonly listedBytes: number;
  /** Of one change, the middle of several. */
  readonly changeBytes: number;
}

/** Prints what it found; the figures are in docs/registries.md. */
export async function measureLarge(large: LargeRegistry, scope: AsyncDisposableStack): Promise<Measured> {
  const { title, plugin, options, proxy, add } = large;
  const follower = new Follower(make(plugin, options, scope));
  scope.defer(() => follower.stop());
  const size = (): number => [...follower.services.values()].reduce((sum, one) => sum + one.size, 0);
  const until = (count: number, timeout: number, interval: number): Promise<void> =>
    expect.poll(() => follower.error ?? size(), { timeout, interval }).toBe(count);
  const started = performance.now();
  await until(INSTANCES, 60_000, 10);
  const listed = performance.now() - started;
  const listedBytes = proxy.bytes();
  const told: number[] = [];
  const read: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    // From a confirmation on, so that no listing of before is counted.
    const { confirmations } = follower;
    await expect
      .poll(() => follower.confirmations, { timeout: 30_000, interval: 10 })
      .toBeGreaterThan(confirmations);
    const before = proxy.bytes();
    const changed = performance.now();
    await add(INSTANCES + i);
    await until(INSTANCES + i + 1, 60_000, 5);
    told.push(performance.now() - changed);
    read.push(proxy.bytes() - before);
  }
  const ascending = (list: readonly number[]): readonly number[] => list.toSorted((a, b) => a - b);
  const changeBytes = ascending(read)[CHANGES >> 1] ?? 0;
  const times = ascending(told);
  process.stdout.write(
    `${title}: listed in ${Math.round(listed)} ms (${listedBytes >> 10} KiB); a change told in ` +
      `${Math.round(times[CHANGES >> 1] ?? 0)} ms, ${Math.round(times.at(-1) ?? 0)} ms at most; ${changeBytes >> 10} KiB read until then\n`,
  );
  return { told: times, listedBytes, changeBytes };
}
