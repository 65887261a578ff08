import { describe, expect, it } from 'vitest';
import type { FoundMark } from '../../src/core/instance.ts';
import type { DesiredHealth } from '../../src/core/registry.ts';
import { desiredOf, fingerprint, type PlanInput, plan, stricterMode } from '../../src/pipeline/reconcile.ts';

const DEAD: DesiredHealth = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
};
const HEALTHY: DesiredHealth = { ...DEAD, health: 'healthy', reason: 'passing' };
const RELEASE = { kind: 'release' } as const;

function mark(of: DesiredHealth, fields: Partial<FoundMark> = {}): FoundMark {
  return {
    writer: 'sonde',
    version: 1,
    health: of.health,
    reason: of.reason,
    since: of.since,
    original: {},
    intact: true,
    ...fields,
  };
}

describe('the plan for one instance', () => {
  const cases: readonly (readonly [string, Partial<PlanInput>, ReturnType<typeof plan>])[] = [
    ['nothing is desired', { desired: null, mark: mark(DEAD) }, 'rest'],
    ['nothing stands there', { desired: DEAD }, 'write'],
    ['it says so already', { desired: DEAD, mark: mark(DEAD) }, 'rest'],
    ['only `since` differs', { desired: { ...DEAD, since: 'later' }, mark: mark(DEAD) }, 'rest'],
    ['the reason differs', { desired: { ...DEAD, reason: 'connect-timeout' }, mark: mark(DEAD) }, 'write'],
    ['another health stands there in our name', { desired: DEAD, mark: mark(HEALTHY) }, 'write'],
    ['another writer marked it', { desired: DEAD, mark: mark(HEALTHY, { writer: 'other' }) }, 'contested'],
    ['another writer says the same', { desired: DEAD, mark: mark(DEAD, { writer: 'other' }) }, 'contested'],
    [
      'somebody changed what we wrote',
      { desired: DEAD, mark: mark(HEALTHY, { intact: false }) },
      'contested',
    ],
    ['an operator insists', { desired: DEAD, mark: mark(HEALTHY, { intact: false }), force: true }, 'write'],
    [
      'our write is on its way through the listing',
      { desired: DEAD, written: { desired: DEAD, at: 0, seen: false }, now: 4_999 },
      'rest',
    ],
    [
      'our write was lost',
      { desired: DEAD, written: { desired: DEAD, at: 0, seen: false }, now: 5_000 },
      'write',
    ],
    [
      'the mark is gone after it was seen',
      { desired: DEAD, written: { desired: DEAD, at: 0, seen: true }, now: 9_000 },
      'write',
    ],
    [
      'another sonde of our name overwrote it',
      { desired: DEAD, mark: mark(HEALTHY), written: { desired: DEAD, at: 0, seen: true }, now: 9_000 },
      'contested',
    ],
    [
      'the desire changed before the last write was seen',
      { desired: HEALTHY, written: { desired: DEAD, at: 0, seen: false } },
      'write',
    ],
    [
      'the registry called it contested',
      { desired: DEAD, mark: mark(HEALTHY), contestedAt: fingerprint(mark(HEALTHY)) },
      'contested',
    ],
    [
      'what was contested has changed since',
      { desired: DEAD, mark: mark(HEALTHY, { reason: 'slow' }), contestedAt: fingerprint(mark(HEALTHY)) },
      'write',
    ],
    ['a release finds no mark', { desired: RELEASE }, 'rest'],
    ['a release finds ours', { desired: RELEASE, mark: mark(DEAD) }, 'write'],
  ];

  it.each(cases)('when %s', (_, input, expected) => {
    expect(
      plan({
        desired: null,
        mark: undefined,
        written: undefined,
        contestedAt: undefined,
        writer: 'sonde',
        now: 0,
        force: false,
        ...input,
      }),
    ).toBe(expected);
  });
});

describe('what is desired', () => {
  it('takes back our own marks when sonde only observes or no check is left, and nobody else’s', () => {
    const ours = { checked: true, mark: mark(DEAD), writer: 'sonde' };
    expect(desiredOf('observe', DEAD, ours)).toEqual(RELEASE);
    expect(desiredOf('apply', null, { ...ours, checked: false })).toEqual(RELEASE);
    expect(desiredOf('observe', DEAD, { ...ours, mark: undefined })).toBeNull();
    expect(desiredOf('observe', DEAD, { ...ours, writer: 'other' })).toBeNull();
    expect(desiredOf('apply', DEAD, ours)).toEqual(DEAD);
    expect(desiredOf('dry-run', DEAD, ours)).toEqual(DEAD);
  });

  it('never lets a policy be laxer than its registry', () => {
    expect(stricterMode('dry-run', 'apply')).toBe('dry-run');
    expect(stricterMode('apply', 'dry-run')).toBe('dry-run');
    expect(stricterMode('apply', 'observe')).toBe('observe');
    expect(stricterMode('apply', undefined)).toBe('apply');
  });
});
