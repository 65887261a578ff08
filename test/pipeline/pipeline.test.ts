import { afterEach, describe, expect, it } from 'vitest';
import type { Reason } from '../../src/core/cause.ts';
import type { Check } from '../../src/core/check.ts';
import type { ToEngine } from '../../src/core/engine.ts';
import type { Health } from '../../src/core/health.ts';
import type { Instance } from '../../src/core/instance.ts';
import { FORGETFUL, type Memory } from '../../src/core/memory.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { RegistryError } from '../../src/core/registry.ts';
import type { Report } from '../../src/core/report.ts';
import type { Target } from '../../src/core/target.ts';
import type { WriteMode } from '../../src/core/view.ts';
import { Pipeline } from '../../src/pipeline/pipeline.ts';
import { checkNamed } from '../support/check.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';

const CHECK = checkNamed('web');

let running: { stop: AbortController; done: Promise<void> } | undefined;

afterEach(async () => {
  running?.stop.abort(new Error('test over'));
  await running?.done;
  running = undefined;
});

async function start(
  registry: FakeRegistry,
  options: {
    mode?: WriteMode;
    checks?: readonly Check[];
    clock?: ManualClock;
    maxUnavailable?: number;
    memory?: Memory;
  } = {},
) {
  const clock = options.clock ?? new ManualClock();
  const log = new QuietLog();
  const reports: Report[] = [];
  const targets = new Map<string, Target>();
  const pipeline = new Pipeline({
    registries: [
      {
        name: 'fake',
        registry,
        mode: options.mode ?? 'apply',
        writer: 'sonde',
        maxPerSecond: 50,
        perInstanceEvery: 10_000,
        guard: { allowance: 0.05, freezeAbove: 0.6 },
      },
    ],
    memory: options.memory ?? FORGETFUL,
    checks: options.checks ?? [CHECK],
    policies:
      options.maxUnavailable === undefined ? [] : [{ match: {}, maxUnavailable: options.maxUnavailable }],
    engine: {
      tell(message: ToEngine) {
        if (message.kind !== 'assign') return;
        for (const target of message.add)
          targets.set(`${target.instance.service}/${target.instance.key}`, target);
        for (const id of message.remove)
          for (const [key, target] of targets) if (target.id === id) targets.delete(key);
      },
      run: (signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    },
    clock,
    log,
    random: () => 0.5,
    report: (report) => reports.push(report),
  });
  const stop = new AbortController();
  running = { stop, done: pipeline.run(stop.signal) };
  await clock.advance(0);
  const judge = (key: string, health: Health, reason: Reason, outcome: Outcome = { kind: 'pass' }): void => {
    const target = targets.get(key);
    if (target === undefined) throw new Error(`no target ${key}`);
    const observation = {
      target: target.id,
      at: clock.now(),
      duration: 1,
      vantage: 'here',
      occasion: 'scheduled',
      outcome,
    } as const;
    const numbers = { rate: 1, reach: 1, passed: 1, total: 1, inRow: 1, windowStart: clock.now() };
    pipeline.hear({ kind: 'observed', observation, verdict: { health, reason, numbers }, state: null });
  };
  const instance = (key: string): Instance => {
    const found = targets.get(key)?.instance;
    if (found === undefined) throw new Error(`no instance ${key}`);
    return found;
  };
  const flags = (key: string) => {
    const id = instance(key).id;
    return reports.findLast((report) => report.kind === 'health' && report.instance === id);
  };
  return { clock, log, reports, targets, pipeline, judge, instance, flags, stop };
}

describe('the pipeline', () => {
  it('assigns what is registered and writes what was judged, once', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, targets, pipeline } = await start(registry);
    expect([...targets.keys()]).toEqual(['web/a:1']);
    expect(pipeline.waitingFor).toEqual([]);
    await clock.advance(10_000);
    expect(registry.writes).toEqual([]);
    judge('web/a:1', 'healthy', 'passing');
    await clock.advance(100);
    expect(registry.mark('web', 'a:1')).toMatchObject({
      health: 'healthy',
      reason: 'passing',
      writer: 'sonde',
    });
    await clock.advance(60_000);
    judge('web/a:1', 'dead', 'connect-refused');
    await clock.advance(100);
    judge('web/a:1', 'dead', 'connect-refused');
    await clock.advance(60_000);
    expect(registry.writes.map(({ value }) => value)).toEqual(['healthy', 'dead']);
  });

  it('keeps what it knows while the registry is away, and writes when it is back', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, targets, log } = await start(registry);
    registry.fail(new RegistryError('unreachable', 'gone fishing'));
    registry.refusing = new RegistryError('unreachable', 'gone fishing');
    await clock.advance(1_000);
    judge('web/a:1', 'dead', 'connect-timeout');
    await clock.advance(300_000);
    expect(targets.size).toBe(1);
    judge('web/a:1', 'sub-healthy', 'recovered');
    registry.fail(undefined);
    registry.refusing = undefined;
    await clock.advance(20_000);
    // What was judged meanwhile and is no longer so is never written.
    expect(registry.writes.map(({ value }) => value)).toEqual(['sub-healthy']);
    expect(log.lines.filter(({ message }) => message.startsWith('Registry failed'))).toHaveLength(1);
    expect(
      log.lines.filter(({ message }) => message.startsWith('Writing to the registry failed')),
    ).toHaveLength(1);
  });

  it('forgets many at once only after a second listing', async () => {
    const registry = new FakeRegistry();
    for (let i = 1; i <= 6; i++) registry.put('web', `a:${i}`);
    const { clock, targets } = await start(registry);
    registry.remove('web');
    await clock.advance(500);
    expect(targets.size).toBe(6);
    for (let i = 1; i <= 6; i++) registry.put('web', `a:${i}`);
    await clock.advance(5_000);
    expect(targets.size).toBe(6);
    registry.remove('web');
    await clock.advance(2_000);
    expect(targets.size).toBe(0);
  });

  it('lets half of a service be dead, holds the rest, and lets recoveries pass', async () => {
    const registry = new FakeRegistry();
    for (let i = 1; i <= 6; i++) registry.put('web', `a:${i}`);
    for (let i = 1; i <= 20; i++) registry.put('other', `b:${i}`);
    const { clock, judge, flags } = await start(registry);
    for (let i = 1; i <= 6; i++) judge(`web/a:${i}`, 'healthy', 'passing');
    await clock.advance(1_000);
    registry.writes.length = 0;
    for (let i = 1; i <= 5; i++) {
      judge(`web/a:${i}`, 'dead', 'connect-refused');
      await clock.advance(10);
    }
    await clock.advance(15_000);
    expect(registry.writes.map(({ key, value }) => `${key} ${value}`).sort()).toEqual([
      'web/a:1 dead',
      'web/a:2 dead',
      'web/a:3 dead',
    ]);
    expect(flags('web/a:4')).toMatchObject({ to: 'dead', flags: ['held'] });
    judge('web/a:1', 'sub-healthy', 'recovered');
    await clock.advance(70_000);
    expect(registry.mark('web', 'a:1')?.health).toBe('sub-healthy');
    expect(registry.mark('web', 'a:4')?.health).toBe('dead');
    expect(registry.mark('web', 'a:5')?.health).toBe('healthy');
  });

  it('freezes when more than the share is dead, and writes nothing of it when they come back', async () => {
    const registry = new FakeRegistry();
    for (let i = 0; i < 100; i++) registry.put(`s${i % 10}`, `h:${i + 1}`);
    const { clock, judge, reports } = await start(registry);
    for (let i = 0; i < 100; i++) judge(`s${i % 10}/h:${i + 1}`, 'healthy', 'passing');
    await clock.advance(5_000);
    registry.writes.length = 0;
    for (let i = 0; i < 100; i++) judge(`s${i % 10}/h:${i + 1}`, 'dead', 'connect-timeout');
    await clock.advance(300_000);
    expect(registry.writes).toEqual([]);
    for (let i = 0; i < 100; i++) judge(`s${i % 10}/h:${i + 1}`, 'healthy', 'passing');
    await clock.advance(60_000);
    expect(registry.writes).toEqual([]);
    const guard = reports.flatMap((report) =>
      report.kind === 'event' && report.event.kind === 'guard' ? [report.event] : [],
    );
    expect(guard.filter(({ reason }) => reason === 'brake').map(({ to }) => to)).toEqual(['frozen', 'pass']);
  });

  it('lets an operator release the brake, never the floor', async () => {
    const registry = new FakeRegistry();
    for (let i = 1; i <= 10; i++) registry.put('web', `a:${i}`);
    const { clock, judge, pipeline } = await start(registry);
    for (let i = 1; i <= 10; i++) judge(`web/a:${i}`, 'dead', 'connect-refused');
    await clock.advance(30_000);
    expect(registry.writes).toEqual([]);
    expect(pipeline.releaseGuard('fake', 'me')).toBe(true);
    expect(pipeline.releaseGuard('unknown', 'me')).toBe(false);
    await clock.advance(2_000);
    expect(registry.writes).toHaveLength(5);
  });

  it('leaves an operator’s value alone until told', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, pipeline, instance, log } = await start(registry);
    judge('web/a:1', 'healthy', 'passing');
    await clock.advance(1_000);
    registry.edit('web', 'a:1', (entry) =>
      entry.mark === undefined ? entry : { ...entry, mark: { ...entry.mark, health: 'dead', intact: false } },
    );
    judge('web/a:1', 'sub-healthy', 'slow');
    await clock.advance(120_000);
    expect(registry.writes).toHaveLength(1);
    expect(log.lines.filter(({ message }) => message.startsWith("Somebody else's value"))).toHaveLength(1);
    expect(pipeline.overwrite(instance('web/a:1').id, 'me')).toBe(true);
    await clock.advance(1_000);
    expect(registry.mark('web', 'a:1')).toMatchObject({ health: 'sub-healthy', intact: true });
  });

  it('writes again what a provider’s new registration wiped out', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge } = await start(registry);
    judge('web/a:1', 'sub-healthy', 'slow');
    await clock.advance(1_000);
    registry.put('web', 'a:1');
    await clock.advance(10_000);
    expect(registry.writes.map(({ value }) => value)).toEqual(['sub-healthy', 'sub-healthy']);
  });

  it('takes over its own marks after a restart and writes nothing', async () => {
    const registry = new FakeRegistry();
    const clock = new ManualClock();
    registry.put('web', 'a:1');
    const first = await start(registry, { clock });
    first.judge('web/a:1', 'dead', 'connect-refused');
    await clock.advance(1_000);
    running?.stop.abort(new Error('restart'));
    await running?.done;
    const second = await start(registry, { clock });
    expect(second.targets.get('web/a:1')?.seed).toMatchObject({ health: 'dead', reason: 'connect-refused' });
    await clock.advance(60_000);
    expect(registry.writes).toHaveLength(1);
  });

  it('releases what it wrote when it shall only observe', async () => {
    const registry = new FakeRegistry();
    const clock = new ManualClock();
    registry.put('web', 'a:1');
    const first = await start(registry, { clock });
    first.judge('web/a:1', 'dead', 'connect-refused');
    await clock.advance(1_000);
    running?.stop.abort(new Error('restart'));
    await running?.done;
    await start(registry, { clock, mode: 'observe' });
    await clock.advance(1_000);
    expect(registry.mark('web', 'a:1')).toBeUndefined();
  });

  it('writes nothing in dry-run, and says once what it would', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, log } = await start(registry, { mode: 'dry-run' });
    judge('web/a:1', 'dead', 'connect-refused');
    await clock.advance(60_000);
    expect(registry.batches).toBe(0);
    expect(log.lines.filter(({ message }) => message.startsWith('Would write'))).toHaveLength(1);
  });

  it('limits how often one instance is written', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge } = await start(registry);
    for (let i = 0; i < 60; i++) {
      judge('web/a:1', i % 2 === 0 ? 'healthy' : 'sub-healthy', i % 2 === 0 ? 'passing' : 'slow');
      await clock.advance(1_000);
    }
    expect(registry.writes.length).toBeLessThanOrEqual(3 + 6);
    await clock.advance(30_000);
    expect(registry.mark('web', 'a:1')?.health).toBe('sub-healthy');
  });

  it('flags what has no fresh outcome, and nothing else changes', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, flags } = await start(registry);
    judge('web/a:1', 'healthy', 'passing');
    for (let i = 0; i < 10; i++) {
      await clock.advance(2_000);
      judge('web/a:1', 'healthy', 'passing', { kind: 'skip', cause: 'prober-network', detail: 'no route' });
    }
    expect(flags('web/a:1')).toMatchObject({ to: 'healthy', flags: ['stale'] });
    judge('web/a:1', 'healthy', 'passing');
    expect(flags('web/a:1')).toMatchObject({ to: 'healthy', flags: [] });
  });

  it('is as bad as the worst of several checks', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, pipeline, targets } = await start(registry, {
      checks: [CHECK, { ...CHECK, name: 'deep' }],
    });
    judge('web/a:1', 'dead', 'connect-refused');
    await clock.advance(1_000);
    expect(registry.mark('web', 'a:1')?.health).toBe('dead');
    expect(targets.size).toBe(1);
    expect(pipeline.probeNow('nobody')).toBe(false);
  });

  it('notices a silent registry', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, reports } = await start(registry);
    await clock.advance(31_000);
    expect(reports.some((report) => report.kind === 'registry' && !report.up)).toBe(true);
  });

  it('writes what was judged before it ends, and leaves no timer', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, judge, stop } = await start(registry);
    judge('web/a:1', 'dead', 'connect-refused');
    stop.abort(new Error('the end'));
    await running?.done;
    expect(registry.mark('web', 'a:1')?.health).toBe('dead');
    expect(clock.pending).toBe(0);
  });

  it('asks once more for a dead that would lapse, and for nothing else', async () => {
    const registry = new FakeRegistry();
    registry.renewEvery = 20 * 60_000;
    registry.put('web', 'a:1');
    registry.put('web', 'b:1');
    const { clock, judge } = await start(registry);
    judge('web/a:1', 'dead', 'connect-refused');
    judge('web/b:1', 'healthy', 'passing');
    await clock.advance(1_000);
    expect(registry.writes.map(({ value }) => value).sort()).toEqual(['dead', 'healthy']);
    const { batches } = registry;
    await clock.advance(19 * 60_000);
    expect(registry.batches).toBe(batches);
    await clock.advance(2 * 60_000);
    expect(registry.batches).toBe(batches + 1);
    await clock.advance(60 * 60_000);
    expect(registry.batches).toBe(batches + 4);
    // The registry found nothing to change.
    expect(registry.writes.length).toBe(2);
  });

  it('tells once what a registry says of itself, and shows it as long as it says so', async () => {
    const registry = new FakeRegistry();
    registry.put('web', 'a:1');
    const { clock, reports } = await start(registry);
    const told = (): unknown =>
      reports.flatMap((report) =>
        report.kind === 'event' && report.event.reason === 'notice' ? [report.event.detail] : [],
      );
    const shown = (): unknown => {
      const last = reports.findLast((report) => report.kind === 'registry');
      return last?.kind === 'registry' ? last.notices : undefined;
    };
    registry.say('it keeps what does not renew');
    await clock.advance(1_000);
    registry.say('it keeps what does not renew');
    await clock.advance(1_000);
    expect(told()).toEqual(['it keeps what does not renew']);
    expect(shown()).toEqual(['it keeps what does not renew']);
    registry.say();
    await clock.advance(1_000);
    expect(shown()).toEqual([]);
  });
});
