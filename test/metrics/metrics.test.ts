import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Board, createBoard, type RegistryInfo } from '../../src/board/board.ts';
import type { Health } from '../../src/core/health.ts';
import type { ReceiptKind } from '../../src/core/registry.ts';
import type { Report } from '../../src/core/report.ts';
import { PROBER_WELL } from '../../src/core/view.ts';
import { CATALOGUE, type Family } from '../../src/metrics/catalogue.ts';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';
import {
  appeared,
  departed,
  desired,
  healthChanged,
  makeInstance,
  observed,
  REFUSED,
  SKIP,
} from '../board/reports.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type ParsedFamily, parseExposition } from './parse.ts';

const one = makeInstance();
const two = makeInstance({ service: 'db', host: '::1', port: 5432 });

const WEBHOOK = {
  waiting: 4,
  delivered: 9,
  failed: 2,
  superseded: 1,
  dropped: 0,
  expired: 0,
  unwanted: 0,
} as const;

class Bench {
  readonly clock = new ManualClock();
  readonly registries: RegistryInfo[] = [{ name: 'local', kind: 'file', writeMode: 'apply' }];
  readonly board: Board = createBoard({
    clock: this.clock,
    version: '1.2.3',
    registries: this.registries,
    kindOf: () => 'tcp',
    localHealth: () => ({
      ...PROBER_WELL,
      score: 2,
      anchors: [{ anchor: '10.0.0.1:53', reached: true }],
    }),
  });
  readonly metrics: Metrics = createMetrics({
    version: '1.2.3',
    kindOf: () => 'tcp',
    summary: () => this.board.summary(),
    services: () => this.board.services({}),
    samples: () => this.board.samples(),
    consumers: () => new Map([['edge', { told: 3, failed: 1 }]]),
    configuration: () => ({ applied: true, appliedAt: this.clock.wall() }),
    kept: () => false,
    webhooks: () => new Map([['pager', WEBHOOK]]),
  });

  take(...reports: readonly Report[]): void {
    for (const report of reports) {
      this.board.take(report);
      this.metrics.take(report);
    }
  }

  async scrape(): Promise<ReadonlyMap<string, ParsedFamily>> {
    let text = '';
    for await (const piece of this.metrics.text()) text += piece;
    return parseExposition(text);
  }

  scrapeInstances(): ReadonlyMap<string, ParsedFamily> {
    return parseExposition([...this.metrics.instancesText()].join(''));
  }
}

function receipt(kind: ReceiptKind, registry = 'local'): Report {
  return { kind: 'receipt', instance: one.id, registry, desired: 'dead', receipt: kind, lag: 300 };
}

/** After which every family has a series. */
function everything(bench: Bench): void {
  const { clock } = bench;
  const syncedAt = clock.now();
  bench.take(
    appeared(one),
    appeared(two),
    observed(one, { passed: 3, total: 4, duration: 20, health: 'healthy', shadow: 'healthy' }),
    observed(one, { passed: 3, total: 5, outcome: REFUSED, duration: 30, shadow: 'dead' }),
    observed(two, { outcome: SKIP }),
    observed(two, { occasion: 'external' }),
    healthChanged(one, 'unknown', 'healthy'),
    healthChanged(one, 'healthy', 'dead'),
    healthChanged(one, 'dead', 'dead'),
    desired(one, 'dead', 'frozen'),
    receipt('written'),
    { kind: 'registry', registry: 'local', up: true, syncedAt, instances: 2, pendingWrites: 7, notices: [] },
    {
      kind: 'numbers',
      numbers: {
        targets: 2,
        inFlight: 1,
        slotsSkipped: 3,
        extraLooks: 0,
        extraLooksWaiting: 0,
        backgroundLoss: 0.01,
        lateness: [0.4, 30],
      },
    },
  );
}

function values(family: ParsedFamily | undefined): readonly string[] {
  return (family?.samples ?? []).map(
    ({ name, labels, value }) => `${name} ${Object.values(labels).join(' ')} ${value}`,
  );
}

describe('the catalogue', () => {
  it('is what docs/metrics.md says', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| `(.*?)` \| (.*) \|$/gm)];
    const documented = rows.map(([, name, type, labels = '', path, help]) => {
      return { name, type, help, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label), path };
    });
    expect(documented).toEqual(CATALOGUE);
  });

  it('is what is exposed, no more and no less', async () => {
    const bench = new Bench();
    everything(bench);
    const pages = { '/metrics': await bench.scrape(), '/metrics/instances': bench.scrapeInstances() };
    for (const [path, families] of Object.entries(pages)) {
      const expected: readonly Family[] = CATALOGUE.filter((family) => family.path === path);
      const own = [...families.keys()].filter((name) => !/^(process|nodejs)_/.test(name));
      expect(own.toSorted()).toEqual(expected.map(({ name }) => name).toSorted());
      for (const { name, type, help, labels } of expected) {
        const family = families.get(name);
        expect(family).toMatchObject({ type, help });
        expect(family?.samples.length, name).toBeGreaterThan(0);
        for (const sample of family?.samples ?? []) {
          const told = Object.keys(sample.labels).filter((label) => label !== 'le');
          expect(told.toSorted(), name).toEqual(labels.toSorted());
        }
      }
    }
    expect([...pages['/metrics'].keys()]).toEqual(
      expect.arrayContaining(['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']),
    );
  });
});

describe('/metrics', () => {
  it('has the content type of format 0.0.4, without which Prometheus 3 refuses it', () => {
    expect(new Bench().metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('counts', async () => {
    const bench = new Bench();
    everything(bench);
    bench.take({
      kind: 'numbers',
      numbers: {
        targets: 2,
        inFlight: 0,
        slotsSkipped: 5,
        extraLooks: 0,
        extraLooksWaiting: 0,
        backgroundLoss: 0.01,
        lateness: [],
      },
    });
    await bench.clock.advance(1_500);
    const now = await bench.scrape();
    expect(values(now.get('sonde_instances'))).toEqual([
      'sonde_instances local default db unknown 1',
      'sonde_instances local default db healthy 0',
      'sonde_instances local default db sub-healthy 0',
      'sonde_instances local default db dead 0',
      'sonde_instances local default web unknown 0',
      'sonde_instances local default web healthy 0',
      'sonde_instances local default web sub-healthy 0',
      'sonde_instances local default web dead 1',
    ]);
    expect(values(now.get('sonde_success_ratio'))).toEqual(['sonde_success_ratio local default web tcp 0.6']);
    expect(values(now.get('sonde_held_instances'))).toEqual([
      'sonde_held_instances local default web frozen 1',
    ]);
    expect(values(now.get('sonde_probes_total'))).toEqual([
      'sonde_probes_total tcp tcp pass  1',
      'sonde_probes_total tcp tcp fail connect-refused 1',
      'sonde_probes_total tcp tcp skip prober-limit 1',
    ]);
    const durations = values(now.get('sonde_probe_duration_seconds'));
    expect(durations).toContain('sonde_probe_duration_seconds_count tcp tcp 2');
    expect(durations).toContain('sonde_probe_duration_seconds_sum tcp tcp 0.05');
    const web = values(now.get('sonde_transitions_total')).filter((line) => line.includes(' web '));
    expect(web).toContain('sonde_transitions_total local default web healthy dead 1');
    expect(web).toContain('sonde_transitions_total local default web unknown healthy 1');
    expect(web).toContain('sonde_transitions_total local default web dead sub-healthy 0');
    expect(web).toHaveLength(7);
    expect(values(now.get('sonde_schedule_lateness_seconds'))).toContain(
      'sonde_schedule_lateness_seconds_bucket 0.025 1',
    );
    expect(values(now.get('sonde_slots_skipped_total'))).toEqual(['sonde_slots_skipped_total  5']);
    expect(values(now.get('sonde_targets'))).toEqual(['sonde_targets  2']);
    expect(values(now.get('sonde_probes_in_flight'))).toEqual(['sonde_probes_in_flight  0']);
    expect(values(now.get('sonde_registry_up'))).toEqual(['sonde_registry_up local 1']);
    expect(values(now.get('sonde_registry_snapshot_age_seconds'))).toEqual([
      'sonde_registry_snapshot_age_seconds local 1.5',
    ]);
    expect(values(now.get('sonde_writes_total'))).toEqual([
      'sonde_writes_total local written 1',
      'sonde_writes_total local unchanged 0',
      'sonde_writes_total local gone 0',
      'sonde_writes_total local refused 0',
      'sonde_writes_total local contested 0',
    ]);
    expect(values(now.get('sonde_writes_pending'))).toEqual(['sonde_writes_pending local 7']);
    expect(values(now.get('sonde_write_lag_seconds'))).toContain('sonde_write_lag_seconds_sum local 0.3');
    expect(values(now.get('sonde_state_kept'))).toEqual(['sonde_state_kept  0']);
    expect(values(now.get('sonde_webhook_waiting'))).toEqual(['sonde_webhook_waiting pager 4']);
    expect(values(now.get('sonde_webhook_deliveries_total'))).toEqual([
      'sonde_webhook_deliveries_total pager delivered 9',
      'sonde_webhook_deliveries_total pager failed 2',
      'sonde_webhook_deliveries_total pager superseded 1',
      'sonde_webhook_deliveries_total pager dropped 0',
      'sonde_webhook_deliveries_total pager expired 0',
      'sonde_webhook_deliveries_total pager unwanted 0',
    ]);
    expect(values(now.get('sonde_local_health'))).toEqual(['sonde_local_health  2']);
    expect(values(now.get('sonde_config_last_reload_success_timestamp_seconds'))).toEqual([
      `sonde_config_last_reload_success_timestamp_seconds  ${bench.clock.wall() / 1_000}`,
    ]);
    expect(values(now.get('sonde_build_info'))).toEqual([
      `sonde_build_info 1.2.3 ${process.versions.node} 1`,
    ]);
  });

  it('goes on counting when an engine begins anew', async () => {
    const bench = new Bench();
    for (const slotsSkipped of [5, 2, 3]) {
      const numbers = {
        targets: 0,
        inFlight: 0,
        slotsSkipped,
        extraLooks: 0,
        extraLooksWaiting: 0,
        backgroundLoss: 0.01,
        lateness: [],
      };
      bench.take({ kind: 'numbers', numbers });
    }
    expect(values((await bench.scrape()).get('sonde_slots_skipped_total'))).toEqual([
      'sonde_slots_skipped_total  8',
    ]);
  });

  it('counts where a shadow rule judges otherwise, and what it would have changed', async () => {
    const bench = new Bench();
    bench.take(appeared(one), appeared(two));
    const looks: readonly (readonly [Health, Health])[] = [
      ['unknown', 'unknown'],
      ['healthy', 'healthy'],
      ['healthy', 'dead'],
      ['healthy', 'dead'],
      ['sub-healthy', 'dead'],
      ['sub-healthy', 'sub-healthy'],
      ['healthy', 'sub-healthy'],
    ];
    for (const [health, shadow] of looks) bench.take(observed(one, { health, shadow }));
    bench.take(observed(two, { health: 'healthy', shadow: 'healthy' }));
    const now = await bench.scrape();
    expect(values(now.get('sonde_shadow_disagreements_total'))).toEqual([
      'sonde_shadow_disagreements_total tcp healthy dead 1',
      'sonde_shadow_disagreements_total tcp sub-healthy dead 1',
      'sonde_shadow_disagreements_total tcp healthy sub-healthy 1',
    ]);
    expect(values(now.get('sonde_shadow_transitions_total'))).toEqual([
      'sonde_shadow_transitions_total tcp unknown healthy 1',
      'sonde_shadow_transitions_total tcp healthy dead 1',
      'sonde_shadow_transitions_total tcp dead sub-healthy 1',
    ]);
    expect(values(now.get('sonde_shadow_disagreeing_targets'))).toEqual([
      'sonde_shadow_disagreeing_targets tcp 1',
    ]);
    bench.take(departed(one));
    expect(values((await bench.scrape()).get('sonde_shadow_disagreeing_targets'))).toEqual([
      'sonde_shadow_disagreeing_targets tcp 0',
    ]);
  });

  it('counts failures that counted for nothing', async () => {
    const bench = new Bench();
    bench.take(appeared(one), observed(one, { outcome: REFUSED }));
    bench.take(observed(one, { outcome: REFUSED, credible: false }), observed(one, { credible: false }));
    expect(values((await bench.scrape()).get('sonde_disregarded_failures_total'))).toEqual([
      'sonde_disregarded_failures_total tcp tcp 1',
    ]);
  });

  it('starts at zero before the first look and write', async () => {
    const bench = new Bench();
    bench.take(appeared(one));
    const now = await bench.scrape();
    expect(values(now.get('sonde_probes_total'))).toEqual(['sonde_probes_total tcp tcp pass  0']);
    expect(values(now.get('sonde_writes_total'))).toContain('sonde_writes_total local refused 0');
    expect(values(now.get('sonde_transitions_total'))).toHaveLength(6);
  });

  it('keeps nothing of services, checks and registries that departed', async () => {
    const bench = new Bench();
    everything(bench);
    bench.take(appeared(one, ['tcp', 'second']), observed(one, { check: 'second', outcome: REFUSED }));
    bench.take(appeared(one), departed(two));
    const some = await bench.scrape();
    const lines = [...some.values()].flatMap((family) => values(family)).join('\n');
    expect(lines).toContain('default web');
    expect(lines).toMatch(/sonde_probes_total tcp /);
    expect(lines).not.toMatch(/default db|second /);
    bench.take(departed(one));
    bench.registries.length = 0;
    const none = await bench.scrape();
    const labelled = [...none.values()].flatMap(({ samples }) => samples.map(({ labels }) => labels));
    expect(labelled.filter((labels) => 'svc' in labels || 'check' in labels || 'registry' in labels)).toEqual(
      [],
    );
  });
});

describe('/metrics/instances', () => {
  it('tells of each target', () => {
    const bench = new Bench();
    everything(bench);
    bench.take(observed(two, { outcome: SKIP }));
    const now = bench.scrapeInstances();
    expect(values(now.get('probe_success'))).toEqual([
      'probe_success local default db [::1]:5432 tcp 1',
      'probe_success local default web 10.0.0.1:80 tcp 0',
    ]);
    expect(values(now.get('probe_duration_seconds'))).toContain(
      'probe_duration_seconds local default web 10.0.0.1:80 tcp 0.03',
    );
    expect(values(now.get('sonde_instance_health'))).toEqual([
      'sonde_instance_health local default web 10.0.0.1:80 1',
    ]);
    expect(values(now.get('sonde_instance_success_ratio'))).toEqual([
      'sonde_instance_success_ratio local default web 10.0.0.1:80 tcp 0.6',
    ]);
  });

  it('tells of one address once, though it lives twice', () => {
    const bench = new Bench();
    bench.take(appeared(makeInstance({ id: 'a' })), appeared(makeInstance({ id: 'b' })));
    bench.take(healthChanged(makeInstance({ id: 'a' }), 'unknown', 'healthy'));
    bench.take(healthChanged(makeInstance({ id: 'b' }), 'unknown', 'dead'));
    expect(values(bench.scrapeInstances().get('sonde_instance_health'))).toEqual([
      'sonde_instance_health local default web 10.0.0.1:80 3',
    ]);
  });
});
