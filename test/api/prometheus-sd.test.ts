import { expect, it } from 'vitest';
import { appeared, healthChanged, makeInstance } from '../board/reports.ts';
import { ApiBench } from './bench.ts';

it('lists what sonde knows as targets for Prometheus, by the filters of instances', () => {
  const bench = new ApiBench();
  expect(bench.ask('/v1/sd/prometheus').json).toEqual([]);
  const web = makeInstance({ host: '10.0.0.1', port: 80, service: 'web', metadata: { 'my-zone': 'a' } });
  const six = makeInstance({ host: '::1', port: 81, service: 'db' });
  for (const instance of [web, six]) bench.board.take(appeared(instance));
  bench.board.take(healthChanged(web, 'unknown', 'dead'));
  const labels = {
    __meta_sonde_id: web.id,
    __meta_sonde_registry: web.registry,
    __meta_sonde_namespace: web.namespace,
    __meta_sonde_service: 'web',
    __meta_sonde_health: 'dead',
  };
  expect(bench.ask('/v1/sd/prometheus?health=dead').json).toEqual([
    { targets: ['10.0.0.1:80'], labels: { ...labels, __meta_sonde_metadata_my_zone: 'a' } },
  ]);
  expect(bench.ask('/v1/sd/prometheus?service=web', { door: 'telemetry' }).json).toEqual([
    { targets: ['10.0.0.1:80'], labels },
  ]);
  expect(bench.ask('/v1/sd/prometheus?service=db').json).toMatchObject([{ targets: ['[::1]:81'] }]);
  expect(bench.ask('/v1/sd/prometheus?health=ill').status).toBe(400);
});
