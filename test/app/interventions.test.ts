import { afterEach, describe, expect, it } from 'vitest';
import type { InterventionKind, Selector } from '../../src/core/intervention.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { AppBench } from '../support/app-bench.ts';
import { FakeMemory } from '../support/fake-memory.ts';
import { FakeRegistry } from '../support/fake-registry.ts';

const PASS: Outcome = { kind: 'pass' };
const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };
const MINUTE = 60_000;

let bench: AppBench | undefined;

afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

async function start(memory = new FakeMemory(), registry = new FakeRegistry()) {
  const dead = new Set<string>();
  for (const key of ['a:1', 'a:2', 'a:3', 'a:4'])
    registry.put('web', key, { mark: registry.mark('web', key) } as object);
  const made = new AppBench({
    registry,
    memory,
    rule: { window: { count: 20 } },
    look: ({ key }) => (dead.has(key) ? REFUSED : PASS),
  });
  bench = made;
  made.start();
  await made.clock.advance(MINUTE);
  const health = (key: string): string | undefined => registry.mark('web', key)?.health;
  const lay = (kind: InterventionKind, selector: Selector, lasts: number | null = null) =>
    made.app.control.intervene({ kind, selector, reason: 'new disks', by: 'ann', lasts });
  const flags = (key: string) =>
    [...made.app.board.instances({})].find(({ host, port }) => `${host}:${port}` === key)?.flags;
  return { bench: made, registry, dead, health, lay, flags, memory, control: made.app.control };
}

describe('a pause', () => {
  it('is probed and shown, and nothing is written until its time is over', async () => {
    const { bench, dead, health, lay, flags, registry } = await start();
    const pause = lay('pause', { service: 'web', instance: 'a:1' }, 10 * MINUTE);
    expect(pause).toMatchObject({ kind: 'pause', instances: 1, by: 'ann', reason: 'new disks' });
    expect(flags('a:1')).toEqual(['paused']);
    dead.add('a:1');
    await bench.clock.advance(MINUTE);
    const view = [...bench.app.board.instances({ health: ['dead'] })];
    expect(view).toHaveLength(1);
    expect(view[0]?.write).toMatchObject({ desired: 'dead', held: 'paused' });
    expect(health('a:1')).toBe('healthy');
    await bench.clock.advance(10 * MINUTE);
    expect(health('a:1')).toBe('dead');
    expect(flags('a:1')).toEqual([]);
    expect(registry.writes.filter(({ value }) => value === 'dead')).toHaveLength(1);
    const told = [...bench.app.board.events({ kind: ['operator'] })];
    expect(told.map(({ to, by, detail }) => [to, by, detail])).toEqual([
      ['resume', 'ann', 'its time is over'],
      ['pause', 'ann', expect.stringContaining('new disks (until ')],
    ]);
  });

  it('ends when it is lifted', async () => {
    const { bench, dead, health, lay, control } = await start();
    const { id } = lay('pause', { registry: 'fake', namespace: 'def*' }, MINUTE * 60);
    dead.add('a:1');
    await bench.clock.advance(MINUTE);
    expect(health('a:1')).toBe('healthy');
    expect(control.lift('nobody', 'bob')).toBe(false);
    expect(control.lift(id, 'bob')).toBe(true);
    expect(control.interventions()).toEqual([]);
    await bench.clock.advance(MINUTE);
    expect(health('a:1')).toBe('dead');
  });
});

describe('a hold', () => {
  it('writes nothing worse, and lets recoveries through', async () => {
    const { bench, dead, health, lay } = await start();
    dead.add('a:1');
    await bench.clock.advance(MINUTE);
    expect(health('a:1')).toBe('dead');
    lay('hold', { service: 'web' });
    dead.clear();
    dead.add('a:2');
    await bench.clock.advance(5 * MINUTE);
    expect(health('a:1')).toBe('healthy');
    expect(health('a:2')).toBe('healthy');
    const [held] = bench.app.board.instances({ health: ['dead'] });
    expect(held).toMatchObject({ port: 2, flags: ['held'], write: { held: 'operator' } });
  });

  it('of a whole registry ends with its guard’s release', async () => {
    const { bench, dead, health, lay, control } = await start();
    lay('hold', { registry: 'fake' });
    lay('hold', { registry: 'fake', service: 'other' });
    dead.add('a:2');
    await bench.clock.advance(MINUTE);
    expect(health('a:2')).toBe('healthy');
    expect(control.releaseGuard('fake', 'ann')).toBe(true);
    expect(control.interventions().map(({ selector }) => selector)).toEqual([
      { registry: 'fake', service: 'other' },
    ]);
    await bench.clock.advance(MINUTE);
    expect(health('a:2')).toBe('dead');
  });
});

describe('a release', () => {
  it('takes back what was written, and writes again when it is lifted', async () => {
    const { bench, health, lay, control } = await start();
    const { id } = lay('release', { service: 'w?b', instance: 'a:3' });
    await bench.clock.advance(MINUTE);
    expect(health('a:3')).toBe(undefined);
    expect(health('a:4')).toBe('healthy');
    control.lift(id, 'ann');
    await bench.clock.advance(MINUTE);
    expect(health('a:3')).toBe('healthy');
  });
});

describe('after a restart', () => {
  it('interventions hold, no window starts from zero, and nothing is written that was not judged', async () => {
    const first = await start();
    first.dead.add('a:1');
    await first.bench.clock.advance(MINUTE);
    first.lay('pause', { instance: 'a:2' }, 60 * MINUTE);
    first.dead.add('a:2');
    await first.bench.clock.advance(MINUTE);
    const before = [...first.bench.app.board.instances({})];
    const { writes } = first.registry;
    const count = writes.length;

    const clock = first.bench.clock;
    const memory = first.memory.next();
    const dead = new Set(['a:1', 'a:2']);
    const second = new AppBench({
      registry: first.registry,
      memory,
      clock,
      rule: { window: { count: 20 } },
      look: ({ key }) => (dead.has(key) ? REFUSED : PASS),
    });
    await first.bench.stop();
    bench = second;
    second.start();
    await clock.advance(500);
    const after = [...second.app.board.instances({})];
    expect(after.map(({ id, health, since, reason, flags }) => [id, health, since, reason, flags])).toEqual(
      before.map(({ id, health, since, reason, flags }) => [id, health, since, reason, flags]),
    );
    await clock.advance(5_000);
    for (const { checks } of second.app.board.instances({ health: ['healthy'] }))
      expect(checks[0]?.total).toBe(20);
    await clock.advance(MINUTE);
    expect(writes).toHaveLength(count);
    expect(second.app.control.interventions()).toMatchObject([{ kind: 'pause', by: 'ann', instances: 1 }]);
  });

  it('what departed meanwhile is forgotten, and what is remembered is bounded by what is there', async () => {
    const first = await start();
    const { memory, registry, bench } = first;
    expect(memory.keys.filter((key) => key.startsWith('target/'))).toHaveLength(4);
    registry.remove('web', 'a:4');
    await bench.clock.advance(MINUTE);
    expect(memory.keys.filter((key) => key.startsWith('target/'))).toHaveLength(3);
    expect(memory.keys.filter((key) => key.startsWith('instance/'))).toHaveLength(3);
  });

  it('what cannot be read is nothing', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const clean = await start(new FakeMemory(), registry);
    const id = [...clean.bench.app.board.instances({})][0]?.id ?? '';
    await clean.bench.stop();
    for (const junk of ['null', '1', '"x"', '[]', '{}', '{"rule":1}', '{"since":"x","state":{}}']) {
      const found = new Map([
        [`instance/${id}`, junk],
        ['interventions', junk],
        ...clean.memory.keys.map((key) => [key, junk] as const),
      ]);
      const again = await start(new FakeMemory(found), registry);
      expect([...again.bench.app.board.instances({ health: ['healthy'] })]).toHaveLength(4);
      await again.bench.stop();
    }
    bench = undefined;
  });
});
