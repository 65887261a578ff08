import { afterEach, expect, it } from 'vitest';
import { AppBench } from '../support/app-bench.ts';
import { FakeMemory } from '../support/fake-memory.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { ManualClock } from '../support/manual-clock.ts';

let bench: AppBench | undefined;
afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

async function life(registry: FakeRegistry, memory: FakeMemory, at?: number): Promise<AppBench> {
  await bench?.stop();
  bench = new AppBench({
    registry,
    memory,
    look: () => ({ kind: 'pass' }),
    rule: { window: { count: 10 } },
    ...(at === undefined ? {} : { clock: new ManualClock(at) }),
  });
  bench.start();
  return bench;
}

const writeOf = (bench: AppBench) => [...bench.app.board.instances({})][0]?.write;

it('shows after a restart what was written before it', async () => {
  const registry = new FakeRegistry();
  registry.put('web', 'a:1');
  const memory = new FakeMemory();
  const first = await life(registry, memory);
  await first.clock.advance(60_000);
  expect(writeOf(first)).toMatchObject({ written: 'healthy', receipt: 'written' });
  const second = await life(registry, memory.next(), first.clock.now() + 1_000);
  await second.clock.advance(100);
  expect(writeOf(second)).toMatchObject({ desired: 'healthy', written: 'healthy', reported: 'healthy' });
  expect(registry.writes).toHaveLength(1);
});

it('shows that somebody else stands there, without a try, and after a restart; and when they have left', async () => {
  const registry = new FakeRegistry();
  const since = '2026-01-01T00:00:00.000Z';
  const foreign = {
    writer: 'other',
    version: 1,
    health: 'dead',
    reason: 'status',
    since,
    original: {},
  } as const;
  registry.put('web', 'a:1', { mark: { ...foreign, intact: true } });
  const memory = new FakeMemory();
  const first = await life(registry, memory);
  await first.clock.advance(60_000);
  expect(writeOf(first)).toMatchObject({ desired: 'healthy', written: null, receipt: 'contested' });
  const second = await life(registry, memory.next(), first.clock.now() + 1_000);
  await second.clock.advance(10_000);
  expect(writeOf(second)).toMatchObject({ desired: 'healthy', receipt: 'contested' });
  registry.edit('web', 'a:1', ({ mark: _, ...rest }) => rest);
  await second.clock.advance(20_000);
  expect(writeOf(second)).toMatchObject({ written: 'healthy', receipt: 'written' });
});
