import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Observation } from '../../src/core/observation.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Report } from '../../src/core/report.ts';
import type { TargetId } from '../../src/core/target.ts';
import { createLocalHealth, type LocalHealth } from '../../src/local-health/local-health.ts';
import type { Sources } from '../../src/local-health/sources.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';

const PASS: Outcome = { kind: 'pass' };
const TIMEOUT: Outcome = { kind: 'fail', cause: 'connect-timeout', reached: false, detail: 'no connection' };
const STATUS: Outcome = { kind: 'fail', cause: 'status', reached: true, detail: '503' };
const NO_WAY: Outcome = { kind: 'skip', cause: 'prober-network', detail: 'ENETUNREACH' };

function bench(anchors: readonly string[] = []) {
  const clock = new ManualClock();
  const log = new QuietLog();
  const reports: Report[] = [];
  const told = { delay: 0, throttled: 0, collected: (_from: number, _to: number): void => undefined };
  const sources: Sources = {
    beat: 20,
    delay: () => told.delay,
    onCollection(heard) {
      told.collected = heard;
      return { [Symbol.dispose]: () => undefined };
    },
    throttled: () => told.throttled,
  };
  const answers = new Map<string, Outcome>();
  const health = createLocalHealth({
    clock,
    log,
    vantage: 'here',
    anchors,
    look: async (anchor) => {
      const answer = answers.get(anchor) ?? PASS;
      if (answer.kind === 'fail' && !answer.reached) await clock.sleep(500, new AbortController().signal);
      return answer;
    },
    report: (said) => reports.push(said),
    sources,
  });
  const stop = new AbortController();
  const done = health.run(stop.signal);
  const see = (outcome: Outcome, target = 'a', vantage = 'here'): void =>
    health.heard(seen(outcome, target, vantage));
  const seen = (outcome: Outcome, target: string, vantage: string): Observation => ({
    target: target as TargetId,
    at: clock.now(),
    duration: 5,
    vantage,
    occasion: 'scheduled',
    outcome,
  });
  return {
    clock,
    log,
    reports,
    told,
    answers,
    health,
    see,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('over'));
      await done;
      await clock.advance(1_000);
      expect(clock.pending).toBe(0);
    },
  };
}

/** Seconds, one by one, with something in each. */
async function seconds(clock: ManualClock, count: number, each: () => void = () => undefined): Promise<void> {
  for (let i = 0; i < count; i++) {
    each();
    await clock.advance(1_000);
  }
}

describe('local health', () => {
  it('is well where nothing is wrong', async () => {
    await using one = bench();
    await seconds(one.clock, 5, () => one.see(PASS));
    expect(one.health.view()).toEqual({
      score: 0,
      reasons: [],
      quarantinedUntil: null,
      blind: false,
      suspectsSelf: false,
      handOver: false,
      timeoutFactor: 1,
      lastStall: null,
      anchors: [],
    });
    expect(one.reports).toEqual([]);
  });

  it('is quarantined from 4 on, for 15 s after it was last so high, and says so once', async () => {
    await using one = bench();
    one.told.delay = 600;
    await seconds(one.clock, 1);
    expect([one.health.score, one.health.quarantined, one.health.timeoutFactor]).toEqual([2, false, 1.5]);
    await seconds(one.clock, 2);
    expect([one.health.score, one.health.quarantined, one.health.view().handOver]).toEqual([6, true, true]);
    expect(one.health.reasons).toEqual(['event loop 600 ms late']);
    one.told.delay = 0;
    // 5 and 4 keep the quarantine; 15 s after the 4 it is over.
    await seconds(one.clock, 16);
    expect([one.health.score, one.health.quarantined]).toEqual([0, true]);
    await seconds(one.clock, 1);
    expect(one.health.quarantined).toBe(false);
    await seconds(one.clock, 30);
    expect(one.reports).toMatchObject([
      { kind: 'event', event: { kind: 'guard', subject: 'local-health', to: 'quarantined' } },
      { kind: 'event', event: { kind: 'guard', subject: 'local-health', to: 'trusted' } },
    ]);
    expect(one.log.lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  });

  it('takes looks that our limits stopped, late looks and lost registries into account', async () => {
    await using one = bench();
    one.see({ kind: 'skip', cause: 'prober-limit', detail: 'EMFILE' });
    one.health.late(999);
    one.health.registry('consul', false);
    one.health.registry('consul', false);
    await seconds(one.clock, 1);
    expect(one.health.score).toBe(3);
    one.health.late(1_001);
    one.health.registry('consul', true);
    one.health.registry('consul', false);
    await seconds(one.clock, 1);
    // Late looks alone lift it to 3 at most.
    expect(one.health.score).toBe(4);
    expect(one.health.reasons).toEqual([
      '1 registries stopped answering',
      '1 looks began more than 1 s late',
    ]);
  });

  it('takes failures that other vantages contradict within 5 s into account', async () => {
    await using one = bench();
    for (const target of ['a', 'b', 'c', 'd', 'e', 'f']) one.see(TIMEOUT, target);
    await one.clock.advance(900);
    for (const target of ['a', 'b', 'c', 'd', 'e']) one.see(PASS, target, 'there');
    await one.clock.advance(100);
    expect(one.health.score).toBe(1);
    // The same pass contradicts once, and a later one too late.
    for (const target of ['a', 'b', 'c', 'd', 'e']) one.see(PASS, target, 'there');
    await seconds(one.clock, 5);
    for (const target of ['f', 'f', 'f', 'f', 'f']) one.see(PASS, target, 'there');
    await seconds(one.clock, 1);
    expect(one.health.score).toBe(0);
  });
});

describe('anchors', () => {
  const THREE = ['a:1', 'b:1', 'http://c/'];

  it('that fail, most of them, are doubt at once and raise the score', async () => {
    await using one = bench(THREE);
    await seconds(one.clock, 3, () => one.see(PASS));
    one.answers.set('a:1', TIMEOUT);
    await seconds(one.clock, 3, () => one.see(PASS));
    expect([one.health.score, one.health.quarantined]).toEqual([0, false]);
    one.answers.set('b:1', NO_WAY);
    await one.clock.advance(1_600);
    expect(one.health.quarantined).toBe(true);
    await seconds(one.clock, 3, () => one.see(PASS));
    expect(one.health.score).toBeGreaterThanOrEqual(4);
    expect(one.health.blind).toBe(false);
    expect(one.health.reasons).toEqual(['2 of 3 anchors not reached']);
    expect(one.health.view().anchors).toEqual([
      { anchor: 'a:1', reached: false },
      { anchor: 'b:1', reached: false },
      { anchor: 'http://c/', reached: true },
    ]);
  });

  it('all out of reach and nobody passes for 2 s: blind, until anything passes', async () => {
    await using one = bench(THREE);
    await seconds(one.clock, 2, () => one.see(PASS));
    one.see(PASS);
    for (const anchor of THREE) one.answers.set(anchor, TIMEOUT);
    await one.clock.advance(1_900);
    expect([one.health.quarantined, one.health.blind]).toEqual([true, false]);
    await one.clock.advance(100);
    expect(one.health.blind).toBe(true);
    one.see(STATUS);
    expect(one.health.blind).toBe(true);
    one.see(PASS);
    expect(one.health.blind).toBe(false);
    await one.clock.advance(2_000);
    expect(one.health.blind).toBe(true);
    one.answers.set('a:1', PASS);
    await one.clock.advance(1_600);
    expect(one.health.blind).toBe(false);
  });

  it('that answer with an error were reached, and one that we had no means to look at says nothing', async () => {
    await using one = bench(['a:1']);
    one.answers.set('a:1', STATUS);
    await seconds(one.clock, 3);
    expect(one.health.view().anchors).toEqual([{ anchor: 'a:1', reached: true }]);
    one.answers.set('a:1', { kind: 'skip', cause: 'prober-limit', detail: 'EMFILE' });
    await seconds(one.clock, 3);
    expect(one.health.quarantined).toBe(false);
  });
});

describe('everything lost at once', () => {
  const TARGETS = Array.from({ length: 10 }, (_, i) => `t${i}`);
  const all = ({ see }: { see: (outcome: Outcome, target: string) => void }, outcome: Outcome): void => {
    for (const target of TARGETS) see(outcome, target);
  };

  it('is suspected to be us after 2 s, until anybody is reached', async () => {
    await using one = bench();
    all(one, PASS);
    await one.clock.advance(500);
    all(one, TIMEOUT);
    expect(one.health.suspectsSelf).toBe(false);
    await one.clock.advance(1_500);
    expect(one.health.suspectsSelf).toBe(true);
    one.see(STATUS, 't3');
    expect(one.health.suspectsSelf).toBe(false);
  });

  it('is believed half a minute later', async () => {
    await using one = bench();
    all(one, PASS);
    all(one, TIMEOUT);
    await one.clock.advance(30_000);
    expect(one.health.suspectsSelf).toBe(true);
    await one.clock.advance(1);
    expect(one.health.suspectsSelf).toBe(false);
  });

  it('is not suspected where part of them goes, or all two of them, or those that never answered', async () => {
    await using one = bench();
    all(one, PASS);
    for (const target of TARGETS.slice(0, 5)) one.see(TIMEOUT, target);
    await one.clock.advance(2_500);
    expect(one.health.suspectsSelf).toBe(false);

    await using two = bench();
    for (const outcome of [PASS, TIMEOUT]) for (const target of ['a', 'b']) two.see(outcome, target);
    await two.clock.advance(2_500);
    expect(two.health.suspectsSelf).toBe(false);

    await using never = bench();
    all(never, TIMEOUT);
    await never.clock.advance(2_500);
    expect(never.health.suspectsSelf).toBe(false);
  });

  it('forgets targets that nobody looks at any more', async () => {
    await using one = bench();
    all(one, PASS);
    await seconds(one.clock, 140, () => {
      for (const target of ['x', 'y', 'z']) one.see(PASS, target);
    });
    for (const target of ['x', 'y', 'z']) one.see(TIMEOUT, target);
    await one.clock.advance(3_000);
    expect(one.health.suspectsSelf).toBe(true);
  });
});

describe('failures while this process could not run', () => {
  const told = (health: LocalHealth, from: number, to: number): Outcome =>
    health.taint(TIMEOUT, from, to, 2_000);

  it('are skips when most of the time was denied by the cgroup', async () => {
    await using one = bench();
    await one.clock.advance(1_000);
    const from = one.clock.now();
    one.told.throttled = 700;
    await one.clock.advance(1_000);
    expect(told(one.health, from, from + 500)).toMatchObject({ kind: 'skip', cause: 'prober-overload' });
    expect(one.health.lost(from, from + 1_000)).toBe(700);
    one.told.throttled = 1_100;
    await one.clock.advance(1_000);
    expect(told(one.health, from + 1_000, from + 1_500)).toBe(TIMEOUT);
    expect(one.health.view().lastStall).toMatchObject({ lost: 700, cause: 'CPU throttling' });
  });

  it('are skips when garbage was collected meanwhile', async () => {
    await using one = bench();
    const now = one.clock.now();
    one.told.collected(now + 100, now + 110);
    expect(told(one.health, now, now + 500)).toBe(TIMEOUT);
    one.told.collected(now + 200, now + 280);
    expect(told(one.health, now, now + 500)).toMatchObject({
      detail: 'the prober lost 80 of 500 ms itself (garbage collection): no connection',
    });
  });

  it('are known at once, before the late beat was heard, and later', async () => {
    const health = createLocalHealth({
      clock: systemClock,
      log: new QuietLog(),
      vantage: 'here',
      anchors: [],
      look: () => Promise.resolve(PASS),
    });
    const stop = new AbortController();
    const done = health.run(stop.signal);
    await systemClock.sleep(100, stop.signal);
    const from = systemClock.now();
    while (systemClock.now() < from + 400);
    const to = systemClock.now();
    expect(told(health, from, to)).toMatchObject({ kind: 'skip', cause: 'prober-overload' });
    await systemClock.sleep(50, stop.signal);
    expect(told(health, from, to)).toMatchObject({ kind: 'skip', cause: 'prober-overload' });
    expect(health.lost(from, to)).toBeGreaterThan(300);
    expect(health.taint(PASS, from, to, 2_000)).toBe(PASS);
    // One long stall is worth 2 points, whatever the percentiles of that second say.
    const again = systemClock.now();
    while (systemClock.now() < again + 700);
    await expect.poll(() => health.score, { interval: 20, timeout: 5_000 }).toBe(2);
    stop.abort(new Error('over'));
    await done;
  });
});
