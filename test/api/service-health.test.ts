import { describe, expect, it } from 'vitest';
import type { Health } from '../../src/core/health.ts';
import { appeared, departed, healthChanged, makeInstance } from '../board/reports.ts';
import { ApiBench } from './bench.ts';

function benchWith(...healths: readonly Health[]): ApiBench {
  const bench = new ApiBench();
  for (const [i, health] of healths.entries()) {
    const instance = makeInstance({ port: 1_000 + i });
    bench.board.take(appeared(instance));
    bench.board.take(healthChanged(instance, 'unknown', health));
  }
  return bench;
}

describe('/health/{service}', () => {
  it.each<[readonly Health[], string, number]>([
    [['healthy'], '', 200],
    [['sub-healthy', 'dead'], '', 200],
    [['dead', 'unknown'], '', 503],
    [['healthy', 'healthy', 'dead'], '?min=2', 200],
    [['healthy', 'dead', 'dead'], '?min=2', 503],
    [['sub-healthy'], '?accept=healthy', 503],
    [['dead'], '?accept=dead', 200],
    [['unknown'], '?unknown=refuse', 503],
    [['unknown'], '?unknown=accept', 200],
    [['unknown', 'healthy'], '?min=2&unknown=accept', 200],
    [['healthy'], '?min=0', 400],
    [['healthy'], '?accept=unknown', 400],
    [['healthy'], '?unknown=yes', 400],
    [['healthy'], '?acept=dead', 400],
  ])('of %j with %j is %i', (healths, query, status) => {
    expect(benchWith(...healths).ask(`/health/web${query}`).status).toBe(status);
  });

  it('says why', () => {
    const bench = benchWith('dead', 'sub-healthy');
    const numbers = {
      registry: 'local',
      namespace: 'default',
      service: 'web',
      accepted: 1,
      accept: ['healthy', 'sub-healthy'],
      instances: { unknown: 0, healthy: 0, 'sub-healthy': 1, dead: 1 },
    };
    expect(bench.ask('/health/web').json).toEqual({ ...numbers, min: 1 });
    expect(bench.ask('/health/local/default/web?min=2').json).toEqual({
      type: 'urn:sonde:problem:unavailable',
      title: 'Not now',
      status: 503,
      detail: '1 of the instances are healthy or sub-healthy, 2 must be.',
      ...numbers,
      min: 2,
    });
  });

  it('is not found without instances', () => {
    const bench = benchWith('healthy');
    expect(bench.ask('/health/db').problem).toBe('404 not-found: There is no service "db" with instances.');
    expect(bench.ask('/health/local/prod/web').status).toBe(404);
    bench.board.take(departed(makeInstance({ port: 1_000 })));
    expect(bench.ask('/health/web').status).toBe(404);
  });

  it('refuses a short name that two services have, and says how to ask', () => {
    const bench = benchWith('healthy');
    const other = makeInstance({ namespace: 'a/b' });
    bench.board.take(appeared(other));
    const answer = bench.ask('/health/web');
    expect(answer.problem).toMatch('409 ambiguous: There are 2 services named "web"');
    expect(answer.json.candidates).toEqual(['/health/local/a%2Fb/web', '/health/local/default/web']);
    expect(bench.ask('/health/local/a%2Fb/web').status).toBe(503);
    expect(bench.ask('/health/local/default/web').status).toBe(200);
  });
});
