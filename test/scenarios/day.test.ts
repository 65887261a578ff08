import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { Instance } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { RegistryError } from '../../src/core/registry.ts';
import { hash32 } from '../../src/lib/hash.ts';
import { AppBench } from '../support/app-bench.ts';
import { FakeRegistry } from '../support/fake-registry.ts';

const HOUR = 3_600_000;
const TARGETS = 100;
const PASS: Outcome = { kind: 'pass' };
const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };

/** What becomes of an instance over the day: most live on, some die for an hour at an hour of their own. */
function truth(instance: Instance, hour: number): Outcome {
  const fate = hash32(instance.key) % 48;
  return fate < 24 && Math.floor(hour) === fate ? REFUSED : PASS;
}

it('runs for 24 simulated hours: no drift, no leak, every state right, no timer left', async () => {
  const registry = new FakeRegistry();
  for (let i = 0; i < TARGETS; i++) registry.put(`service-${i % 10}`, `10.0.0.${i}:80`);
  const hourOf = (now: number): number => (now - start) / HOUR;
  const bench = new AppBench({ registry, look: (instance, clock) => truth(instance, hourOf(clock.now())) });
  const start = bench.clock.now();
  let heap = 0;
  bench.start();
  for (let hour = 0; hour < 24; hour++) {
    await bench.clock.advance(HOUR / 2);
    // In the middle of each hour everything has long been judged and written.
    for (const view of bench.app.board.instances({})) {
      const dead = hash32(`${view.host}:${view.port}`) % 48 === hour;
      expect([view.host, view.health]).toEqual([view.host, dead ? 'dead' : 'healthy']);
      expect(registry.mark(view.service, `${view.host}:${view.port}`)?.health).toBe(view.health);
    }
    if (hour === 7) registry.fail(new RegistryError('unreachable', 'the registry sleeps'));
    if (hour === 9) registry.fail(undefined);
    bench.reports.length = 0;
    if (hour === 3) heap = heapUsed();
    await bench.clock.advance(HOUR / 2);
  }
  const numbers = bench.reports.findLast((report) => report.kind === 'numbers');
  const extra = numbers?.kind === 'numbers' ? numbers.numbers.extraLooks : Number.NaN;
  bench.reports.length = 0;
  // Twenty hours later it remembers no more than it did after four.
  expect(heapUsed() - heap).toBeLessThan(8_000_000);
  // One look each 5 s, to the look, beside those that suspicions asked for: the grid has not drifted.
  expect(Math.abs(bench.looks - extra - TARGETS * 24 * 720)).toBeLessThanOrEqual(TARGETS);
  expect(extra).toBeLessThan(0.01 * bench.looks);
  // Each death and each recovery was written, and nothing else: at most three writes for each, one for the start.
  const deaths = new Set(registry.writes.filter(({ value }) => value === 'dead').map(({ key }) => key));
  expect(deaths.size).toBeGreaterThan(TARGETS / 4);
  for (const key of deaths) {
    const values = registry.writes.filter((write) => write.key === key).map(({ value }) => value);
    expect(values.filter((value) => value === 'dead')).toHaveLength(1);
    expect(values.length).toBeLessThanOrEqual(5);
  }
  await bench.stop();
  expect(bench.clock.pending).toBe(0);
}, 180_000);

it('keeps what it knows when half of a registry disappears in one listing and comes back in the next', async () => {
  const registry = new FakeRegistry();
  for (let i = 0; i < 40; i++) registry.put(`service-${i % 4}`, `10.0.0.${i}:80`);
  const bench = new AppBench({ registry, look: () => PASS });
  bench.start();
  await bench.clock.advance(60_000);
  for (const service of ['service-0', 'service-1', 'service-2']) registry.remove(service);
  await bench.clock.advance(200);
  for (let i = 0; i < 40; i++) if (i % 4 !== 3) registry.put(`service-${i % 4}`, `10.0.0.${i}:80`);
  await bench.clock.advance(10_000);
  expect(bench.reports.filter(({ kind }) => kind === 'departed')).toEqual([]);
  expect([...bench.app.board.instances({})].filter(({ health }) => health !== 'healthy')).toEqual([]);
  await bench.stop();
});

it('is blind for five minutes: nothing it cannot see is written', async () => {
  const registry = new FakeRegistry();
  for (let i = 0; i < 100; i++) registry.put(`service-${i % 10}`, `10.0.0.${i}:80`);
  let world: Outcome = PASS;
  const bench = new AppBench({ registry, look: () => world });
  bench.start();
  await bench.clock.advance(60_000);
  registry.writes.length = 0;
  // The interface is gone: every look is our own fault.
  world = { kind: 'skip', cause: 'prober-network', detail: 'no route' };
  await bench.clock.advance(300_000);
  expect(registry.writes).toEqual([]);
  expect([...bench.app.board.instances({})].every(({ flags }) => flags.includes('stale'))).toBe(true);
  world = PASS;
  await bench.clock.advance(60_000);
  expect(registry.writes).toEqual([]);
  // Packets vanish: to us it looks as if everything were dead.
  world = { kind: 'fail', cause: 'connect-timeout', reached: false, detail: 'no answer' };
  await bench.clock.advance(300_000);
  const dead = registry.writes.filter(({ value }) => value === 'dead');
  expect(dead.length).toBeLessThanOrEqual(5);
  expect(bench.app.board.summary().registries[0]?.held).toBeGreaterThanOrEqual(90);
  world = PASS;
  await bench.clock.advance(180_000);
  for (const view of bench.app.board.instances({})) {
    expect(view.health).toBe('healthy');
    expect(registry.mark(view.service, `${view.host}:${view.port}`)?.health).toBe('healthy');
  }
  await bench.stop();
});

/** Bytes that are still reachable. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
