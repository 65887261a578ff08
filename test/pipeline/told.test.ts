import { afterEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import type { Instance } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { WriteMode } from '../../src/core/view.ts';
import { AppBench } from '../support/app-bench.ts';
import { FakeRegistry } from '../support/fake-registry.ts';

const CONSUMERS: Config['consumers'] = [
  {
    name: 'edge',
    kind: 'nginx-upstreams',
    match: { registry: ['nobody'] },
    subHealthyWeight: 0.3,
    path: '/nowhere/upstreams.conf',
    upstream: '{service}',
    directives: [],
    reload: [],
    reloadEvery: 0,
  },
];

/** Follows and cannot be written. */
class ReadOnly extends FakeRegistry {
  override write = undefined as never;
}

const benches: AppBench[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.stop();
});

/** What was said last of each instance, and the registry that they stand in. */
function start(registry: FakeRegistry, mode: WriteMode, hosts: readonly string[]) {
  const ill = new Set<string>();
  for (const host of hosts) registry.put('web', `${host}:80`);
  const look = ({ host }: Instance): Outcome =>
    ill.has(host)
      ? { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' }
      : { kind: 'pass' };
  const bench = new AppBench({ registry, look, config: { consumers: CONSUMERS }, writeMode: mode });
  benches.push(bench);
  bench.start();
  const told = (): Readonly<Record<string, string>> => {
    const last: Record<string, string> = {};
    for (const report of bench.reports) {
      if (report.kind !== 'told') continue;
      const host = bench.app.board.instance(report.instance)?.host ?? '';
      last[host] = report.told?.kind === 'health' ? report.told.health : (report.told?.kind ?? 'nothing');
    }
    return last;
  };
  return { bench, ill, told };
}

describe('what those are told that ask no registry', () => {
  it('is the health, once there is one', async () => {
    const { bench, ill, told } = start(new FakeRegistry(), 'apply', ['a', 'b', 'c']);
    await bench.clock.advance(1_000);
    expect(told()).toEqual({});
    await bench.clock.advance(30_000);
    expect(told()).toEqual({ a: 'healthy', b: 'healthy', c: 'healthy' });
    ill.add('a');
    await bench.clock.advance(30_000);
    expect(told()).toEqual({ a: 'dead', b: 'healthy', c: 'healthy' });
    ill.delete('a');
    await bench.clock.advance(20_000);
    expect(told()).toMatchObject({ a: 'sub-healthy' });
  });

  it.each([
    ['a registry that is written', () => new FakeRegistry()],
    ['one that cannot be', () => new ReadOnly()],
  ])('stays as it was where the floor holds a death back: %s', async (_, make) => {
    const { bench, ill, told } = start(make(), 'apply', ['a', 'b', 'c', 'd']);
    await bench.clock.advance(30_000);
    for (const host of ['a', 'b', 'c']) ill.add(host);
    await bench.clock.advance(120_000);
    const healths = Object.values(told());
    expect(healths.filter((health) => health === 'dead')).toHaveLength(2);
    expect(healths.filter((health) => health !== 'dead')).toHaveLength(2);
  });

  it('is nothing in a dry run, whatever is judged', async () => {
    const { bench, ill, told } = start(new FakeRegistry(), 'dry-run', ['a', 'b', 'c']);
    await bench.clock.advance(30_000);
    ill.add('a');
    await bench.clock.advance(60_000);
    expect(told()).toEqual({ a: 'release', b: 'release', c: 'release' });
  });

  it('stays as it was while an operator holds it', async () => {
    const { bench, ill, told } = start(new FakeRegistry(), 'apply', ['a', 'b', 'c']);
    await bench.clock.advance(30_000);
    bench.app.control.intervene({
      kind: 'hold',
      selector: { registry: 'fake' },
      reason: 'maintenance',
      by: 'me',
      lasts: null,
    });
    ill.add('a');
    await bench.clock.advance(60_000);
    expect(told()).toMatchObject({ a: 'healthy' });
  });
});
