import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/core/check.ts';
import type { Instance } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { AppBench, type AppBenchOptions } from '../support/app-bench.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import type { ManualClock } from '../support/manual-clock.ts';

const PASS: Outcome = { kind: 'pass' };
const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };
const RULE = { window: { count: 20 } };

let bench: AppBench | undefined;

afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

async function start(options: Partial<AppBenchOptions> = {}) {
  const registry = new FakeRegistry();
  registry.put('web', 'a:1');
  registry.put('web', 'a:2');
  registry.put('db', 'b:1');
  bench = new AppBench({ registry, look: () => PASS, rule: RULE, ...options });
  bench.start();
  await bench.clock.advance(60_000);
  return { registry, bench, board: bench.app.board, reloader: bench.app.reloader };
}

const only = (bench: AppBench): Check => {
  const [check] = bench.config.checks;
  if (check === undefined) throw new Error('no check');
  return check;
};

const totals = (bench: AppBench): readonly (readonly [string, number | undefined])[] =>
  [...bench.app.board.instances({})].map(({ host, port, checks }) => [`${host}:${port}`, checks[0]?.total]);

describe('a reload', () => {
  it('of the same content changes nothing', async () => {
    const { reloader, bench } = await start();
    expect(await reloader.reload('test')).toEqual({ kind: 'unchanged' });
    expect(
      bench.reports.filter((report) => report.kind === 'event' && report.event.kind === 'configuration'),
    ).toEqual([]);
  });

  it('keeps windows and phases of what did not change, and begins the rest anew without a flip', async () => {
    const { reloader, bench, registry } = await start();
    const before = totals(bench);
    const writes = registry.writes.length;
    const check = only(bench);
    const other = { ...check, name: 'other', match: { service: ['db'] } };
    bench.rewrite({ revision: 'second', checks: [structuredClone(check), other] });
    const result = await reloader.reload('test');
    expect(result).toEqual({ kind: 'applied', changes: { added: 1, removed: 0, changed: 0, kept: 3 } });
    expect(totals(bench)).toEqual(before);
    const looks = bench.looks;
    await bench.clock.advance(check.interval);
    expect(bench.looks - looks).toBe(4);

    bench.rewrite({ revision: 'third', checks: [{ ...check, interval: 1_000 }] });
    expect(await reloader.reload('test')).toEqual({
      kind: 'applied',
      changes: { added: 0, removed: 1, changed: 3, kept: 0 },
    });
    expect([...bench.app.board.instances({})].map(({ health }) => health)).toEqual([
      'healthy',
      'healthy',
      'healthy',
    ]);
    await bench.clock.advance(10_000);
    expect(totals(bench).every(([, total]) => total === 10)).toBe(true);
    expect(registry.writes).toHaveLength(writes);
  });

  it('of a bad configuration changes nothing and is told once', async () => {
    const { reloader, bench } = await start();
    const good = bench.next;
    const problem = {
      code: 'SND1003',
      severity: 'error',
      message: 'unknown key chekcs',
      file: 'sonde.yaml',
      start: { line: 2, col: 1 },
      end: { line: 2, col: 7 },
      notes: [],
    } as const;
    bench.next = { ok: false, problems: [problem], texts: new Map() };
    for (let i = 0; i < 3; i++) {
      const result = await reloader.reload('test');
      expect(result.kind).toBe('rejected');
      expect(result.kind === 'rejected' && result.text).toContain('sonde.yaml:2:1');
    }
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(reloader.applied).toBe(false);
    expect(reloader.view.rejected?.text).toContain('SND1003');
    bench.next = good;
    expect((await reloader.reload('test')).kind).toBe('applied');
    expect(reloader.view.rejected).toBe(null);
    expect(totals(bench).every(([, total]) => total !== undefined && total > 5)).toBe(true);
  });

  it('notices by itself what its files say', async () => {
    const { bench, reloader } = await start({ config: { reload: { every: 5_000 } } });
    bench.rewrite({ revision: 'second', checks: [] });
    await bench.clock.advance(5_000);
    expect(reloader.view.revision).toBe('second');
    expect([...bench.app.board.instances({})].flatMap(({ checks }) => checks)).toEqual([]);
  });

  it('forgets the instances of a registry that is gone, and takes back nothing it may no longer write', async () => {
    const { bench, reloader, registry } = await start();
    const writes = registry.writes.length;
    bench.rewrite({ revision: 'second', registries: [] });
    expect(await reloader.reload('test')).toMatchObject({ changes: { removed: 3, kept: 0 } });
    expect([...bench.app.board.instances({})]).toEqual([]);
    expect(bench.app.board.summary()).toMatchObject({ registries: [], targets: 0 });
    await bench.clock.advance(30_000);
    expect(registry.writes).toHaveLength(writes);
  });

  it('of the write mode takes effect on what stands', async () => {
    const { bench, reloader, registry } = await start();
    const [one] = bench.config.registries;
    if (one === undefined) throw new Error('no registry');
    expect(registry.mark('web', 'a:1')?.health).toBe('healthy');
    bench.rewrite({ revision: 'second', registries: [{ ...one, write: { ...one.write, mode: 'observe' } }] });
    expect(await reloader.reload('test')).toMatchObject({ changes: { kept: 3 } });
    await bench.clock.advance(10_000);
    expect(registry.mark('web', 'a:1')).toBe(undefined);
    bench.rewrite({ revision: 'third', registries: [one] });
    await reloader.reload('test');
    await bench.clock.advance(10_000);
    expect(registry.mark('web', 'a:1')?.health).toBe('healthy');
  });

  it('of another brake does not let more through in the same minute', async () => {
    const dead = new Set<string>();
    const { bench, reloader, registry } = await start({
      look: (instance: Instance) => (dead.has(instance.key) ? REFUSED : PASS),
    });
    for (let i = 0; i < 20; i++) registry.put(`s${i}`, `c:${i + 1}`);
    for (let i = 0; i < 20; i++) registry.put(`s${i}`, `d:${i + 1}`);
    await bench.clock.advance(60_000);
    for (const key of ['c:1', 'c:2', 'c:3']) dead.add(key);
    await bench.clock.advance(20_000);
    const written = (): number => registry.writes.filter(({ value }) => value === 'dead').length;
    expect(written()).toBe(3);
    const [one] = bench.config.registries;
    if (one === undefined) throw new Error('no registry');
    bench.rewrite({
      revision: 'second',
      registries: [{ ...one, guard: { ...one.guard, freezeAbove: 0.07 } }],
    });
    await reloader.reload('test');
    dead.add('c:4');
    await bench.clock.advance(20_000);
    expect(written()).toBe(3);
  });

  it('a thousand times at random under load loses no window of an unchanged target and leaks nothing', async () => {
    const { bench, reloader } = await start();
    const check = only(bench);
    const others = Array.from({ length: 4 }, (_, i) => ({
      ...check,
      name: `other-${i}`,
      interval: 5_000 + i * 1_000,
    }));
    let seed = 42;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed % below;
    };
    const windowStart = (): readonly (string | null | undefined)[] =>
      [...bench.app.board.instances({})].map(
        ({ checks }) => checks.find(({ name }) => name === 'web')?.windowStart,
      );
    await bench.clock.advance(60_000);
    const full = totals(bench);
    for (let round = 0; round < 1_000; round++) {
      const more = others
        .filter(() => random(2) === 0)
        .map((one) => ({ ...one, timeout: 1_000 + random(3) }));
      bench.rewrite({ revision: `round ${round}`, checks: [structuredClone(check), ...more] });
      expect((await reloader.reload('test')).kind).toBe('applied');
      expect(
        [...bench.app.board.instances({})].map(({ host, port, checks }) => [
          `${host}:${port}`,
          checks.find(({ name }) => name === 'web')?.total,
        ]),
      ).toEqual(full);
      await bench.clock.advance(200);
    }
    expect(windowStart().every((at) => at !== null && at !== undefined)).toBe(true);
    bench.rewrite({ revision: 'the end', checks: [structuredClone(check)] });
    await reloader.reload('test');
    expect(bench.app.board.summary().targets).toBe(3);
    const looks = bench.looks;
    await bench.clock.advance(50_000);
    expect(bench.looks - looks).toBe(30);
    await bench.stop();
    expect(bench.clock.pending).toBe(0);
  });

  it('a thousand times at random of everything else, with looks in flight, disturbs no look and leaks nothing', async () => {
    const TOOK = 700;
    const registry = new FakeRegistry();
    for (let i = 0; i < 40; i++) registry.put(`web-${i % 4}`, `a:${i + 1}`);
    const flying = async (_: Instance, clock: ManualClock): Promise<Outcome> => {
      await clock.sleep(TOOK, new AbortController().signal);
      return PASS;
    };
    const { bench, reloader } = await start({ registry, look: flying });
    const check = only(bench);
    const [one] = bench.config.registries;
    if (one === undefined) throw new Error('no registry');
    const good = bench.next;
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return (seed >>> 8) % below;
    };
    const webhook = {
      name: 'hook',
      url: 'http://127.0.0.1:1/',
      secrets: [],
      events: ['registry'],
      timeout: 1_000,
    } as const;
    const webs = () =>
      [...bench.app.board.instances({})].flatMap(({ checks }) => checks.filter(({ name }) => name === 'web'));
    await bench.clock.advance(100_000);
    let heap = 0;
    for (let round = 0; round < 1_000; round++) {
      if (round === 300) {
        bench.reports.length = 0;
        heap = heapUsed();
      }
      if (random(10) === 0) {
        bench.next = { ok: false, problems: [], texts: new Map() };
        expect((await reloader.reload('test')).kind).toBe('rejected');
      }
      bench.next = good;
      bench.rewrite({
        revision: `round ${round}`,
        checks: [
          structuredClone(check),
          ...(random(2) === 0 ? [{ ...check, name: 'other', timeout: 1_000 + random(3) }] : []),
        ],
        policies: random(2) === 0 ? [] : [{ match: {}, maxUnavailable: 0.1 + random(5) / 10 }],
        registries: [
          {
            ...one,
            write: { ...one.write, maxPerSecond: 50 + random(3) },
            guard: { ...one.guard, allowance: 0.05 + random(3) / 100 },
          },
        ],
        webhooks:
          random(2) === 0 ? [] : [{ ...webhook, match: {}, headers: { 'x-round': String(random(3)) } }],
        engine: { ...bench.config.engine, concurrency: 500 + random(12) },
      });
      expect((await reloader.reload('test')).kind).toBe('applied');
      await bench.clock.advance(100 + random(400));
      const now = bench.clock.now();
      for (const { total, last } of webs()) {
        expect(total).toBe(20);
        // Each look came to its end and was counted: none is older than a round and what a look takes.
        expect(now - Date.parse(last?.at ?? '')).toBeLessThanOrEqual(check.interval + TOOK);
      }
      bench.reports.length = 0;
    }
    bench.reports.length = 0;
    expect(webs()).toHaveLength(40);
    expect(heapUsed() - heap).toBeLessThan(4_000_000);
    bench.next = good;
    await reloader.reload('test');
    await bench.clock.advance(5_000);
    const { looks } = bench;
    await bench.clock.advance(50_000);
    expect(bench.looks - looks).toBe(400);
    const stopped = bench.stop();
    await bench.clock.advance(5_000);
    await stopped;
    expect(bench.clock.pending).toBe(0);
  }, 120_000);
});

/** Bytes that are still reachable. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
