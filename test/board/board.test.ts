import { describe, expect, it } from 'vitest';
import { type Board, createBoard } from '../../src/board/board.ts';
import { PROBER_WELL } from '../../src/core/view.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  appeared,
  departed,
  desired,
  healthChanged,
  makeInstance,
  observed,
  PASS,
  REFUSED,
  SKIP,
  targetId,
} from './reports.ts';

const T0 = Date.UTC(2026, 0, 1);

function setUp(): { board: Board; clock: ManualClock } {
  const clock = new ManualClock(T0);
  const board = createBoard({
    clock,
    version: '1.2.3',
    registries: [{ name: 'local', kind: 'file', writeMode: 'apply' }],
    kindOf: (check) => (check === 'web' ? 'http' : 'tcp'),
  });
  return { board, clock };
}

describe('the board', () => {
  it('shows an instance as it is served', async () => {
    const { board, clock } = setUp();
    const mark = {
      writer: 'sonde',
      version: 1,
      health: 'healthy',
      reason: 'passing',
      since: '2025-12-31T00:00:00.000Z',
      original: {},
      intact: true,
    } as const;
    const one = makeInstance({ metadata: { tier: 'front' }, mark });
    board.take(appeared(one, ['web'], { health: 'healthy', reason: 'passing' }));
    await clock.advance(1_000);
    const at = clock.now();
    const verdict = { health: 'dead', reason: 'connect-refused', passed: 3, total: 4 } as const;
    board.take(
      observed(one, { check: 'web', duration: 12.34567, at: at - 500, ...verdict, health: 'healthy' }),
    );
    board.take(observed(one, { check: 'web', outcome: REFUSED, at, duration: 0.5, ...verdict }));
    board.take(
      healthChanged(one, 'healthy', 'dead', { since: at, flags: ['held'], reason: 'connect-refused' }),
    );
    board.take(desired(one, 'dead', 'max-unavailable'));
    await clock.advance(250);
    board.take({
      kind: 'receipt',
      instance: one.id,
      registry: 'local',
      desired: 'dead',
      receipt: 'written',
      lag: 250,
    });
    expect(board.instance(one.id)).toEqual({
      id: one.id,
      registry: 'local',
      namespace: 'default',
      service: 'web',
      host: '10.0.0.1',
      port: 80,
      metadata: { tier: 'front' },
      health: 'dead',
      flags: ['held'],
      since: '2026-01-01T00:00:01.000Z',
      reason: 'connect-refused',
      checks: [
        {
          name: 'web',
          kind: 'http',
          health: 'dead',
          reason: 'connect-refused',
          since: '2026-01-01T00:00:01.000Z',
          rate: 0.75,
          reach: 0.75,
          passed: 3,
          total: 4,
          windowStart: '2026-01-01T00:00:01.000Z',
          latency: { p50: 12.346, p95: 12.346 },
          last: {
            at: '2026-01-01T00:00:01.000Z',
            outcome: 'fail',
            cause: 'connect-refused',
            duration: 0.5,
            detail: 'nobody listens',
          },
        },
      ],
      write: {
        mode: 'apply',
        desired: 'dead',
        written: 'dead',
        reported: 'healthy',
        receipt: 'written',
        at: '2026-01-01T00:00:01.250Z',
        held: 'max-unavailable',
      },
    });
  });

  it('believes the seed until a health is reported', () => {
    const { board } = setUp();
    const since = '2025-12-31T23:00:00.000Z';
    const mark = {
      writer: 'sonde',
      version: 1,
      health: 'dead',
      reason: 'status',
      since,
      original: {},
      intact: true,
    } as const;
    const one = makeInstance({ mark });
    board.take(appeared(one, ['tcp'], { health: 'dead', reason: 'status' }));
    expect(board.instance(one.id)).toMatchObject({ health: 'dead', reason: 'status', since });
    expect(board.instance(one.id)?.checks[0]).toMatchObject({ health: 'dead', since, last: null });
    expect(board.summary().instances).toEqual({ unknown: 0, healthy: 0, 'sub-healthy': 0, dead: 1 });
  });

  it('sums up services and registries, and forgets what departed', async () => {
    const { board, clock } = setUp();
    const one = makeInstance();
    const two = makeInstance({ host: '10.0.0.2' });
    const other = makeInstance({ service: 'db' });
    for (const instance of [one, two, other]) board.take(appeared(instance, ['tcp', 'web']));
    board.take(observed(one, { passed: 2, total: 2, health: 'healthy' }));
    board.take(observed(two, { passed: 1, total: 4, outcome: REFUSED }));
    board.take(observed(two, { passed: 1, total: 5, outcome: SKIP }));
    board.take(healthChanged(one, 'unknown', 'healthy'));
    board.take(desired(two, 'dead', 'frozen'));
    board.take({
      kind: 'registry',
      registry: 'local',
      up: true,
      syncedAt: clock.now(),
      instances: 3,
      pendingWrites: 1,
      notices: ['it keeps what it should not'],
    });
    await clock.advance(2_500);
    expect(board.summary()).toEqual({
      version: '1.2.3',
      instances: { unknown: 2, healthy: 1, 'sub-healthy': 0, dead: 0 },
      services: 2,
      targets: 6,
      registries: [
        {
          name: 'local',
          kind: 'file',
          up: true,
          snapshotAge: 2.5,
          instances: 3,
          writeMode: 'apply',
          pendingWrites: 1,
          held: 1,
          notices: ['it keeps what it should not'],
        },
      ],
      localHealth: 0,
      prober: PROBER_WELL,
      firstRound: { done: 2, total: 6 },
    });
    expect(board.service({ registry: 'local', namespace: 'default', service: 'web' })).toEqual({
      registry: 'local',
      namespace: 'default',
      service: 'web',
      instances: { unknown: 1, healthy: 1, 'sub-healthy': 0, dead: 0 },
      held: { frozen: 1 },
      checks: [
        { name: 'tcp', kind: 'tcp', targets: 2, passed: 3, total: 7, rate: 3 / 7 },
        { name: 'web', kind: 'http', targets: 2, passed: 0, total: 0, rate: null },
      ],
    });
    board.take(appeared(one, ['tcp']));
    board.take(departed(two));
    board.take(departed(two));
    expect([...board.services({})].map(({ service, checks }) => [service, checks])).toEqual([
      ['db', expect.anything()],
      ['web', [{ name: 'tcp', kind: 'tcp', targets: 1, passed: 2, total: 2, rate: 1 }]],
    ]);
    for (const instance of [one, other]) board.take(departed(instance));
    expect([...board.services({})]).toEqual([]);
    expect(board.summary()).toMatchObject({ services: 0, targets: 0, firstRound: { done: 0, total: 0 } });
  });

  it('shows a registry that has not answered yet', () => {
    expect(setUp().board.summary().registries[0]).toMatchObject({
      up: false,
      snapshotAge: null,
      instances: 0,
      notices: [],
    });
  });

  it('keeps failures that passes do not push out, and the latency of recent passes', () => {
    const { board } = setUp();
    const one = makeInstance();
    board.take(appeared(one));
    for (let i = 1; i <= 10; i++) board.take(observed(one, { outcome: REFUSED, at: i, duration: 999 }));
    for (let i = 1; i <= 100; i++) board.take(observed(one, { outcome: PASS, at: 100 + i, duration: i }));
    const failures = board.failures(one.id).get('tcp') ?? [];
    expect(failures.map(({ at }) => Date.parse(at))).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(board.instance(one.id)?.checks[0]?.latency).toEqual({ p50: 70, p95: 97 });
    expect(board.failures('nobody')).toEqual(new Map());
  });

  it('does not keep what a script says at length', () => {
    const { board } = setUp();
    const one = makeInstance();
    board.take(appeared(one));
    board.take(observed(one, { outcome: { ...REFUSED, detail: 'x'.repeat(4_096) } as typeof REFUSED }));
    expect(board.instance(one.id)?.checks[0]?.last?.detail).toHaveLength(512);
  });

  it('keeps what it knows of a target while its instance changes, and lists a moved instance where it is now', () => {
    const { board } = setUp();
    const one = makeInstance({ id: 'one' });
    const two = makeInstance({ id: 'two', host: '10.0.0.2' });
    board.take(appeared(one));
    board.take(appeared(two));
    board.take(observed(one, { passed: 5, total: 5 }));
    expect([...board.instances({})].map(({ id }) => id)).toEqual(['one', 'two']);
    board.take(appeared({ ...one, host: '10.0.0.3' }));
    expect([...board.instances({})].map(({ id }) => id)).toEqual(['two', 'one']);
    expect(board.instance('one')?.checks[0]?.passed).toBe(5);
  });

  it('takes the transition of a target with its time', () => {
    const { board } = setUp();
    const one = makeInstance();
    board.take(appeared(one));
    const numbers = { rate: 0, reach: 0, passed: 0, total: 3, inRow: 3, windowStart: T0 };
    const transition = {
      from: 'unknown',
      to: 'dead',
      reason: 'connect-refused',
      numbers,
      at: T0 + 5,
    } as const;
    board.take({
      kind: 'target-transition',
      instance: one.id,
      transition: { target: targetId(one, 'tcp'), ...transition },
    });
    expect(board.instance(one.id)?.checks[0]).toMatchObject({
      health: 'dead',
      since: '2026-01-01T00:00:00.005Z',
    });
  });

  it('ignores what is told of strangers', () => {
    const { board } = setUp();
    const stranger = makeInstance();
    const reports = [
      departed(stranger),
      observed(stranger),
      healthChanged(stranger, 'unknown', 'dead'),
      desired(stranger, 'dead'),
    ];
    for (const report of reports) expect(() => board.take(report)).not.toThrow();
    expect([...board.instances({})]).toEqual([]);
  });
});

describe('the lists of the board', () => {
  it('filter', () => {
    const { board } = setUp();
    const web = makeInstance({ service: 'web', namespace: 'prod' });
    const db = makeInstance({ service: 'db', host: 'fe80::1', port: 5432 });
    for (const instance of [web, db]) board.take(appeared(instance));
    board.take(healthChanged(db, 'unknown', 'dead'));
    const ids = (filter: Parameters<Board['instances']>[0]): readonly string[] =>
      [...board.instances(filter)].map(({ service }) => service);
    expect(ids({})).toEqual(['db', 'web']);
    expect(ids({ namespace: ['prod', 'x'] })).toEqual(['web']);
    expect(ids({ service: ['db'], health: ['healthy'] })).toEqual([]);
    expect(ids({ health: ['dead'] })).toEqual(['db']);
    expect(ids({ registry: ['nacos'] })).toEqual([]);
    expect(ids({ q: 'PROD/we' })).toEqual(['web']);
    expect(ids({ q: '[fe80::1]:54' })).toEqual(['db']);
    expect([...board.services({ health: ['dead'] })].map(({ service }) => service)).toEqual(['db']);
    expect([...board.services({ q: 'lt/d' })].map(({ service }) => service)).toEqual(['db']);
  });

  it('tell of writes only where there is something to tell', () => {
    const { board } = setUp();
    const one = makeInstance();
    const two = makeInstance({ host: '10.0.0.2' });
    for (const instance of [one, two]) board.take(appeared(instance));
    board.take(desired(two, 'dead'));
    expect([...board.writes({})]).toEqual([
      {
        id: two.id,
        registry: 'local',
        namespace: 'default',
        service: 'web',
        host: '10.0.0.2',
        port: 80,
        mode: 'apply',
        desired: 'dead',
        written: null,
        reported: null,
        receipt: null,
        at: null,
        held: null,
      },
    ]);
  });

  it('tell events newest first, with increasing ids, at most a thousand', () => {
    const { board } = setUp();
    const one = makeInstance();
    board.take(appeared(one));
    board.take({ kind: 'event', event: { kind: 'registry', subject: 'local', to: 'up' } });
    for (let i = 0; i < 1_000; i++) {
      board.take({
        kind: 'event',
        event: { kind: 'transition', subject: one.id, to: 'dead', detail: `n${i}` },
      });
    }
    const all = [...board.events({})];
    expect(all).toHaveLength(1_000);
    expect(all[0]).toMatchObject({ detail: 'n999', at: '2026-01-01T00:00:00.000Z' });
    const numbers = all.map(({ id }) => Number(id));
    expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
    expect([...board.events({}, all[4]?.id)][0]).toEqual(all[5]);
    expect([...board.events({ kind: ['registry'] })]).toEqual([]);
    expect([...board.events({ service: ['web'], q: 'N99', health: ['dead'] })]).toHaveLength(11);
    expect([...board.events({ service: ['db'] })]).toEqual([]);
    board.take({ kind: 'event', event: { kind: 'registry', subject: 'local', to: 'down' } });
    expect([...board.events({ registry: ['local'], kind: ['registry'] })]).toHaveLength(1);
    expect([...board.events({ registry: ['nacos'] })]).toEqual([]);
  });
});
