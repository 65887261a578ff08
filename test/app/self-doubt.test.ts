import { afterEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/core/check.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { successRateRule } from '../../src/rules/success-rate.ts';
import { AppBench, type AppBenchOptions } from '../support/app-bench.ts';
import { checkNamed } from '../support/check.ts';
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

async function start(keys: readonly string[], more: Partial<AppBenchOptions> = {}) {
  const dead = new Set<string>();
  const registry = more.registry ?? new FakeRegistry();
  if (more.registry === undefined)
    for (const key of keys) registry.put('web', key, { metadata: { rack: key < 'a:4' ? 'r1' : 'r2' } });
  const made = new AppBench({ look: ({ key }) => (dead.has(key) ? REFUSED : PASS), ...more, registry });
  bench = made;
  made.start();
  await made.clock.advance(MINUTE);
  const written = (): readonly string[] => registry.writes.map(({ key, value }) => `${key} ${value}`);
  return { bench: made, board: made.app.board, clock: made.clock, registry, dead, written };
}

const KEYS = ['a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6'];

describe('the guard of a prober that suspects itself', () => {
  it('writes nobody dead, not even the few that may always pass, until it is believed', async () => {
    const { board, clock, registry, dead, written } = await start(KEYS.slice(0, 3));
    registry.writes.length = 0;
    for (const key of KEYS) dead.add(key);
    await clock.advance(25_000);
    expect(board.summary()).toMatchObject({ instances: { dead: 3 }, prober: { suspectsSelf: true } });
    expect(written()).toEqual([]);
    const [one] = board.instances({});
    expect(one?.write).toMatchObject({ desired: 'dead', held: 'self-doubt' });
    const told = [...board.events({ kind: ['guard'] })].find(({ reason }) => reason === 'brake');
    expect(told).toMatchObject({
      to: 'doubted',
      detail: expect.stringMatching(
        /^\d of 3 instances are dead and not written so; the prober doubts itself: nobody is reached any more$/,
      ),
    });
    await clock.advance(MINUTE);
    // Then it is an outage of everything: the floor lets one of three go.
    expect(written()).toEqual(['web/a:1 dead']);
  });

  it('writes them at once when an operator says so', async () => {
    const { bench: made, board, clock, registry, dead, written } = await start(KEYS.slice(0, 3));
    registry.writes.length = 0;
    for (const key of KEYS) dead.add(key);
    await clock.advance(15_000);
    made.app.control.releaseGuard('fake', 'ann', 'the rack is being moved');
    await clock.advance(2_000);
    expect(written()).toHaveLength(1);
    expect([...board.events({ kind: ['operator'] })][0]).toMatchObject({
      to: 'release-guard',
      by: 'ann',
      detail: 'the rack is being moved',
    });
  });

  it('says what the dead have in common that the others have not', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => `a:${i + 1}`);
    const registry = new FakeRegistry();
    for (const [i, key] of keys.entries())
      registry.put(`s${i % 8}`, key, { metadata: { rack: i < 12 ? 'r1' : `r${2 + (i % 5)}` } });
    const { board, clock, dead } = await start([], { registry });
    for (const key of keys.slice(0, 12)) dead.add(key);
    await clock.advance(30_000);
    expect(board.summary().instances.dead).toBe(12);
    const [batch, wait] = [...board.events({ kind: ['guard'] })];
    expect([wait?.to, batch?.to]).toEqual(['wait', 'pass']);
    expect(batch?.detail).toMatch(
      /^\d+ of 40 instances are dead and not written so; the \d+ that died within a minute have in common: rack=r1 \(\d+ of \d+, \d of \d+ others\)$/,
    );
  });
});

describe('anchors', () => {
  it('are looked at by the code of the probes, and may come and go with a reload', async () => {
    const { bench: made, board, clock, registry, dead, written } = await start(KEYS);
    registry.writes.length = 0;
    // Nobody listens at port 1 of loopback.
    made.rewrite({ revision: 'second', localHealth: { anchors: ['127.0.0.1:1', 'http://127.0.0.1:1/x'] } });
    expect(await made.app.reloader.reload('test')).toMatchObject({ kind: 'applied' });
    const quarantined = async (): Promise<boolean> => {
      await clock.advance(50);
      return board.summary().prober.quarantinedUntil !== null;
    };
    await expect.poll(quarantined, { timeout: 10_000, interval: 5 }).toBe(true);
    expect(board.summary().prober).toMatchObject({
      anchors: [
        { anchor: '127.0.0.1:1', reached: false },
        { anchor: 'http://127.0.0.1:1/x', reached: false },
      ],
    });
    for (const key of KEYS.slice(0, 2)) dead.add(key);
    for (let i = 0; i < 100; i++) await clock.advance(1_000);
    expect(board.summary().instances).toMatchObject({ dead: 0, healthy: 6 });
    expect(written()).toEqual([]);
    const ill = [...board.instances({})].filter(({ flags }) => flags.includes('stale'));
    expect(ill.map(({ port }) => port)).toEqual([1, 2]);
    made.rewrite({ revision: 'third', localHealth: { anchors: [] } });
    await made.app.reloader.reload('test');
    await clock.advance(30_000);
    expect(board.summary()).toMatchObject({
      localHealth: 0,
      prober: { quarantinedUntil: null, anchors: [] },
    });
    expect(board.summary().instances).toMatchObject({ dead: 2, healthy: 4 });
    expect(written().toSorted()).toEqual(['web/a:1 dead', 'web/a:2 dead']);
    const said = [...board.events({ kind: ['guard'] })].map(({ subject, to }) => `${subject} ${to}`);
    expect(said.filter((line) => line.startsWith('local-health'))).toEqual([
      'local-health trusted',
      'local-health quarantined',
    ]);
  });
});

describe('a shadow rule', () => {
  const rule = (options: object) => {
    const decoded = successRateRule.options['~standard'].validate(options);
    if (decoded instanceof Promise || decoded.issues !== undefined) throw new Error('wrong options');
    return { kind: 'success-rate', options: decoded.value };
  };
  const check: Check = checkNamed('web', {
    rule: rule({ window: { count: 20 } }),
    ruleName: 'old',
    shadow: { ruleName: 'new', rule: rule({ window: 'adaptive' }) },
  });

  it('is shown beside the rule in force, listed where it disagrees, kept over a restart, and never written', async () => {
    const memory = new FakeMemory();
    const registry = new FakeRegistry();
    for (const key of KEYS) registry.put('web', key);
    let turn = 0;
    const look = ({ key }: { readonly key: string }): Outcome => {
      if (key !== 'a:1') return PASS;
      // One in five fails: too few for 84 % over 20, not for a longer window.
      return turn++ % 6 === 0 ? { kind: 'fail', cause: 'status', reached: true, detail: '503' } : PASS;
    };
    const config = { checks: [check] };
    const first = await start([], { registry, memory, config, look });
    await first.clock.advance(30 * MINUTE);
    const disagreeing = [...first.board.instances({ disagree: true })];
    expect(disagreeing.map(({ port }) => port)).toEqual([1]);
    const shown = disagreeing[0]?.checks[0];
    expect(shown).toMatchObject({ shadow: { rule: 'new' } });
    expect(shown?.shadow?.health).not.toBe(shown?.health);
    expect(first.written().filter((line) => line.startsWith('web/a:1'))).toEqual([
      `web/a:1 ${shown?.health}`,
    ]);
    const clock = first.clock;
    await bench?.stop();
    bench = undefined;
    const second = await start([], { registry, memory: memory.next(), config, clock, look: () => PASS });
    const [again] = second.board.instances({});
    // A minute of passes is not enough for the adaptive window to forget: its state came over the restart.
    expect(again?.checks[0]?.shadow?.health).toBe(shown?.shadow?.health);
  });
});
