/** A small world for tests of the command line: one service that is ill in three ways, one that is well. */

import type { Health } from '../../src/core/health.ts';
import type { Intervention } from '../../src/core/intervention.ts';
import { type CheckView, type InstanceView, PROBER_WELL } from '../../src/core/view.ts';
import type { World } from './contract-server.ts';

export const T0 = Date.UTC(2026, 0, 1);
const AT = '2026-01-01T00:00:00.000Z';
const EARLIER = '2025-12-31T23:55:48.000Z';

export function instance(id: string, fields: Partial<InstanceView> = {}): InstanceView {
  const health: Health = fields.health ?? 'healthy';
  return {
    id,
    registry: 'local',
    namespace: 'shop',
    service: 'web-cart',
    host: '10.2.4.17',
    port: 8080,
    metadata: {},
    health,
    flags: [],
    since: EARLIER,
    reason: 'passing',
    checks: [check(health)],
    write: {
      mode: 'apply',
      desired: 'healthy',
      written: 'healthy',
      reported: 'healthy',
      receipt: 'written',
      at: AT,
      held: null,
    },
    ...fields,
  };
}

export function check(health: Health, fields: Partial<CheckView> = {}): CheckView {
  return {
    name: 'web',
    kind: 'http',
    health,
    reason: 'passing',
    since: EARLIER,
    rate: health === 'dead' ? 0.25 : 1,
    reach: 1,
    passed: health === 'dead' ? 5 : 20,
    total: 20,
    windowStart: EARLIER,
    latency: { p50: 3, p95: 12.4 },
    last: { at: AT, outcome: 'pass', cause: null, duration: 3.2, detail: null },
    ...fields,
  };
}

const DEAD = 'a000000000000001';
const POOR = 'a000000000000002';
const WELL = 'a000000000000003';
const TWIN = 'a000000000000004';
export const IDS = { dead: DEAD, poor: POOR, well: WELL, twin: TWIN };

export const LAID: Intervention = {
  id: 'b000000000000001',
  kind: 'pause',
  selector: { namespace: 'shop', service: 'web-*' },
  reason: 'the disk is changed',
  by: 'ana@desk',
  at: AT,
  until: '2026-01-01T00:30:00.000Z',
  instances: 2,
};

/** Made anew for each test, which may change it. */
export function makeWorld(): World {
  const dead = instance(DEAD, { health: 'dead', reason: 'connect-refused', flags: ['held'] });
  return {
    instances: [
      dead,
      instance(POOR, { host: '10.2.4.18', health: 'sub-healthy', reason: 'low-success-rate' }),
      instance(WELL, { service: 'web-shop', host: '10.2.4.19' }),
      // The same address in another registry.
      instance(TWIN, { registry: 'other', service: 'web-shop', host: '10.2.4.19' }),
    ],
    services: [
      service('web-cart', { healthy: 0, 'sub-healthy': 1, dead: 1, unknown: 0 }),
      service('web-shop', { healthy: 2, 'sub-healthy': 0, dead: 0, unknown: 0 }),
    ],
    events: [
      { id: '2', at: AT, kind: 'operator', subject: 'shop/web-cart', detail: 'paused', by: 'ana@desk' },
      {
        id: '1',
        at: EARLIER,
        kind: 'transition',
        subject: DEAD,
        from: 'healthy',
        to: 'dead',
        reason: 'connect-refused',
      },
    ],
    writes: [
      {
        id: DEAD,
        registry: 'local',
        namespace: 'shop',
        service: 'web-cart',
        host: '10.2.4.17',
        port: 8080,
        mode: 'apply',
        desired: 'dead',
        written: 'healthy',
        reported: 'healthy',
        receipt: 'written',
        at: EARLIER,
        held: 'max-unavailable',
      },
    ],
    interventions: [],
    summary: {
      version: '1.2.3',
      instances: { unknown: 0, healthy: 2, 'sub-healthy': 1, dead: 1 },
      services: 2,
      targets: 4,
      registries: [
        {
          name: 'local',
          kind: 'file',
          up: true,
          snapshotAge: 3,
          instances: 3,
          writeMode: 'apply',
          pendingWrites: 1,
          held: 1,
          notices: [],
        },
        {
          name: 'other',
          kind: 'etcd',
          up: true,
          snapshotAge: 0,
          instances: 1,
          writeMode: 'dry-run',
          pendingWrites: 0,
          held: 0,
          notices: [],
        },
      ],
      localHealth: 0,
      prober: PROBER_WELL,
      firstRound: { done: 4, total: 4 },
    },
    configuration: {
      source: '/etc/sonde/sonde.yaml',
      revision: '4f2a91c0',
      appliedAt: '2025-12-31T20:55:00.000Z',
      rejected: null,
      checks: [],
      registries: [],
      state: null,
    },
    explain: {
      instance: dead,
      sentence:
        'dead since 23:55:48 because 3 looks in a row did not reach it; written as healthy, the write is held by the guard.',
      checks: [
        {
          name: 'web',
          kind: 'http',
          health: 'dead',
          reason: 'connect-refused',
          since: EARLIER,
          sentence: 'The last 15 looks in a row were refused.',
          position: '/etc/sonde/sonde.yaml:12:5',
          rule: { name: 'standard', kind: 'success-rate', position: '/etc/sonde/sonde.yaml:8:3' },
          counters: { passed: 5, total: 20, 'not reached in a row': 15, rate: '25 %' },
          changes: [
            { to: 'sub-healthy', when: '2 more looks in a row that reach it' },
            { to: 'healthy', when: '20 more looks of which 18 pass' },
          ],
          failures: [
            {
              at: AT,
              outcome: 'fail',
              cause: 'connect-refused',
              duration: 0.4,
              detail: 'connect: nobody listens at 10.2.4.17:8080',
            },
            { at: EARLIER, outcome: 'fail', cause: 'connect-refused', duration: 1_900, detail: null },
          ],
        },
      ],
      write: 'healthy is written; dead waits because more than 50% of the service would be unavailable.',
      doubt: null,
      interventions: [],
    },
    reload: { kind: 'applied', changes: { added: 2, removed: 1, changed: 0, kept: 4 } },
    ready: true,
  };

  function service(name: string, instances: Readonly<Record<Health, number>>): World['services'][number] {
    return {
      registry: 'local',
      namespace: 'shop',
      service: name,
      instances,
      held: {},
      checks: [{ name: 'web', kind: 'http', targets: 2, passed: 30, total: 40, rate: 0.75 }],
    };
  }
}
