import { describe, expect, it } from 'vitest';
import { type CheckOrigin, type ExplainInput, explainView } from '../../src/board/explain-view.ts';
import type { Intervention } from '../../src/core/intervention.ts';
import {
  type CheckView,
  type InstanceView,
  type LastLookView,
  PROBER_WELL,
  type WriteView,
} from '../../src/core/view.ts';

const DAY = '2026-01-01T';
const SINCE = `${DAY}14:02:11.000Z`;
const NOW = Date.parse(`${DAY}14:06:11.000Z`);

const WRITE: WriteView = {
  mode: 'apply',
  desired: 'dead',
  written: 'dead',
  reported: 'dead',
  receipt: 'written',
  at: `${DAY}14:02:14.000Z`,
  held: null,
};
const LAST: LastLookView = {
  at: SINCE,
  outcome: 'fail',
  cause: 'connect-refused',
  duration: 1,
  detail: 'nobody listens',
};
const CHECK: CheckView = {
  name: 'web',
  kind: 'tcp',
  health: 'dead',
  reason: 'connect-refused',
  since: SINCE,
  rate: 0,
  reach: 0,
  passed: 0,
  total: 3,
  windowStart: SINCE,
  latency: { p50: null, p95: null },
  last: LAST,
};
const BECAUSE: Record<string, string> = {
  dead: '3 looks in a row did not reach it',
  'sub-healthy': '5 of the last 20 looks failed',
};

interface Case {
  readonly instance?: Partial<InstanceView>;
  readonly check?: Partial<CheckView>;
  readonly write?: Partial<WriteView>;
  readonly laid?: Intervention;
}

function input({ instance, check, write, laid }: Case): ExplainInput {
  const health = instance?.health ?? 'dead';
  const reason = instance?.reason ?? 'connect-refused';
  const because = BECAUSE[health];
  const origin: CheckOrigin = {
    position: 'sonde.yaml:12:5',
    rule: { name: 'standard', kind: 'success-rate', position: 'sonde.yaml:8:3' },
    explanation:
      because === undefined
        ? undefined
        : {
            because,
            counters: { inRow: 3 },
            changes: [{ to: 'sub-healthy', when: '2 looks that reach it' }],
          },
  };
  return {
    instance: {
      id: 'a1',
      registry: 'local',
      namespace: 'default',
      service: 'web-cart',
      host: '10.0.0.7',
      port: 8080,
      metadata: {},
      health,
      flags: [],
      since: SINCE,
      reason,
      checks: [{ ...CHECK, health, reason, ...check }],
      write: { ...WRITE, ...write },
      ...instance,
    },
    failures: new Map([['web', [1, 2].map((duration) => ({ ...LAST, duration }))]]),
    checks: new Map([['web', origin]]),
    interventions: laid === undefined ? [] : [laid],
    prober: PROBER_WELL,
    peerLatency: () => 20,
    now: NOW,
  };
}

const PAUSE: Intervention = {
  id: 'i1',
  kind: 'pause',
  selector: { service: 'web-*' },
  reason: 'new disks',
  by: 'ana',
  at: SINCE,
  until: `${DAY}15:00:00.000Z`,
  instances: 3,
};
const DEAD =
  'web-cart 10.0.0.7:8080 is dead since 14:02:11 (4m): connect-refused, 3 looks in a row did not reach it.';

describe('the sentences of explain', () => {
  it.each<[string, Case, string, string]>([
    ['dead', {}, DEAD, 'Written as dead to registry local 3s later.'],
    [
      'sub-healthy',
      {
        instance: { health: 'sub-healthy', reason: 'low-success-rate' },
        write: { desired: 'sub-healthy', written: 'dead' },
      },
      'web-cart 10.0.0.7:8080 is sub-healthy since 14:02:11 (4m): low-success-rate, 5 of the last 20 looks failed.',
      'Not written yet: sub-healthy waits for registry local.',
    ],
    [
      'slow',
      {
        instance: { health: 'sub-healthy', reason: 'slow' },
        check: { latency: { p50: 61.4, p95: 80 } },
        write: { desired: 'sub-healthy', written: 'sub-healthy' },
      },
      'web-cart 10.0.0.7:8080 is sub-healthy since 14:02:11 (4m): slow, its passes take 61 ms in the median, those of its peers 20 ms; 5 of the last 20 looks failed.',
      'Written as sub-healthy to registry local 3s later.',
    ],
    [
      'unknown',
      {
        instance: { health: 'unknown', reason: 'no-evidence' },
        check: { total: 0, rate: null, last: null },
        write: { desired: null, written: null, receipt: null, at: null },
      },
      'web-cart 10.0.0.7:8080 is unknown since 14:02:11 (4m): no-evidence, nobody has looked yet.',
      'Nothing is to be written.',
    ],
    [
      'stale',
      {
        instance: { health: 'healthy', reason: 'passing', flags: ['stale'] },
        check: {
          rate: 0.95,
          passed: 19,
          total: 20,
          last: { at: SINCE, outcome: 'skip', cause: 'prober-limit', duration: 0, detail: 'no descriptors' },
        },
        write: { desired: 'healthy', written: 'healthy' },
      },
      'web-cart 10.0.0.7:8080 is healthy since 14:02:11 (4m): passing, 19 of the last 20 looks passed (95 %); the last look was none: prober-limit (no descriptors); stale: nothing fresh is known of it.',
      'Written as healthy to registry local 3s later.',
    ],
    [
      'held',
      { write: { held: 'max-unavailable', written: 'healthy' } },
      DEAD,
      'Not written: held by the guard (max-unavailable); healthy, written before, stays.',
    ],
    [
      'contested',
      { write: { receipt: 'contested' } },
      DEAD,
      "Contested: somebody else's value or mark stands in registry local; sonde writes dead only when told to.",
    ],
    ['paused', { laid: PAUSE }, DEAD, 'Not written: paused by ana until 15:00:00: new disks.'],
    [
      'released until it is lifted',
      { laid: { ...PAUSE, kind: 'release', until: null } },
      DEAD,
      'Taken back and not written: released by ana until it is lifted: new disks.',
    ],
    ['in dry-run', { write: { mode: 'dry-run' } }, DEAD, 'Dry-run: would write dead to registry local.'],
    ['observed', { write: { mode: 'observe' } }, DEAD, 'Not written: registry local is only observed.'],
    [
      'refused',
      { write: { receipt: 'refused' } },
      DEAD,
      'Not written: registry local refused dead at 14:02:14.',
    ],
  ])('%s', (_, given, sentence, write) => {
    const view = explainView(input(given));
    expect([view.sentence, view.write]).toEqual([sentence, write]);
  });

  it('say how the prober doubts itself', () => {
    const doubt = (prober: Partial<ExplainInput['prober']>) =>
      explainView({ ...input({}), prober: { ...PROBER_WELL, ...prober } }).doubt;
    expect(doubt({})).toBeNull();
    expect(doubt({ score: 2, reasons: ['event loop 600 ms late'], timeoutFactor: 1.5 })).toBe(
      'The prober doubts itself (local health 2 of 8: event loop 600 ms late): timeouts are 1.5 times as long.',
    );
    expect(doubt({ score: 5, reasons: ['2 of 3 anchors not reached'], quarantinedUntil: SINCE })).toBe(
      'The prober doubts itself (local health 5 of 8: 2 of 3 anchors not reached): failures that it sees count for nothing until 14:02:11 at least, passes do.',
    );
    expect(doubt({ suspectsSelf: true })).toBe(
      'The prober doubts itself (local health 0 of 8): nobody is reached any more, so nothing is written dead for now.',
    );
  });

  it('tell what a shadow rule makes of the same looks', () => {
    const given = input({ check: { shadow: { rule: 'new', health: 'healthy', reason: 'passing' } } });
    const beside = {
      rule: { name: 'new', kind: 'success-rate', position: null },
      explanation: { because: '5 % of the last 20 looks failed', counters: {}, changes: [] },
    };
    const checks = new Map([...given.checks].map(([name, origin]) => [name, { ...origin, shadow: beside }]));
    expect(explainView({ ...given, checks }).checks[0]?.shadow).toEqual({
      rule: beside.rule,
      health: 'healthy',
      reason: 'passing',
      sentence: 'By new it would be healthy: passing, 5 % of the last 20 looks failed.',
    });
  });

  it('come with position, rule, counters, ways out and the failures, newest first', () => {
    const { checks } = explainView(input({}));
    expect(checks).toEqual([
      {
        name: 'web',
        kind: 'tcp',
        health: 'dead',
        reason: 'connect-refused',
        since: SINCE,
        sentence: 'Dead since 14:02:11 (4m): connect-refused, 3 looks in a row did not reach it.',
        position: 'sonde.yaml:12:5',
        rule: { name: 'standard', kind: 'success-rate', position: 'sonde.yaml:8:3' },
        counters: { inRow: 3 },
        changes: [{ to: 'sub-healthy', when: '2 looks that reach it' }],
        failures: [{ ...LAST, duration: 2 }, LAST],
      },
    ]);
  });
});
