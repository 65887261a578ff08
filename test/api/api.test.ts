import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refuseChange } from '../../src/api/access.ts';
import type { InstanceView } from '../../src/core/view.ts';
import { appeared, departed, desired, healthChanged, makeInstance } from '../board/reports.ts';
import { ApiBench, TOKEN } from './bench.ts';

describe('lists', () => {
  it('are paged to the end, whatever goes and comes meanwhile', () => {
    const bench = new ApiBench();
    const instances = Array.from({ length: 25 }, (_, i) => makeInstance({ port: 1_000 + i }));
    for (const instance of instances) bench.board.take(appeared(instance));
    const first = bench.ask('/v1/instances?limit=10').json;
    const told = first.items as InstanceView[];
    expect(told).toHaveLength(10);
    expect(told[0]).toEqual(bench.board.instance(instances[0]?.id ?? ''));
    bench.board.take(departed(makeInstance({ port: 1_009 })));
    bench.board.take(appeared(makeInstance({ port: 999 })));
    const second = bench.ask(`/v1/instances?limit=10&cursor=${String(first.nextCursor)}`).json;
    const third = bench.ask(`/v1/instances?limit=10&cursor=${String(second.nextCursor)}`).json;
    const ports = [...told, ...(second.items as InstanceView[]), ...(third.items as InstanceView[])].map(
      ({ port }) => port,
    );
    expect(ports).toEqual(instances.map(({ port }) => port));
    expect(third.nextCursor).toBeNull();
  });

  it('have at most 100 members unless more is asked for', () => {
    const bench = new ApiBench();
    for (let i = 0; i < 101; i++) bench.board.take(appeared(makeInstance({ port: 1_000 + i })));
    const { items, nextCursor } = bench.ask('/v1/instances').json;
    expect(items).toHaveLength(100);
    expect(nextCursor).toEqual(expect.any(String));
    expect(bench.ask('/v1/instances?limit=101').json).toMatchObject({ nextCursor: null });
  });

  it('filter', () => {
    const bench = new ApiBench();
    const web = makeInstance();
    const db = makeInstance({ service: 'db & co', namespace: 'prod' });
    for (const instance of [web, db]) bench.board.take(appeared(instance));
    bench.board.take(healthChanged(db, 'unknown', 'dead'));
    bench.board.take(desired(db, 'dead'));
    bench.board.take({
      kind: 'event',
      event: { kind: 'transition', subject: db.id, from: 'unknown', to: 'dead' },
    });
    const services = (target: string): unknown =>
      (bench.ask(target).json.items as InstanceView[]).map(({ service }) => service);
    expect(services('/v1/instances?health=dead,sub-healthy')).toEqual(['db & co']);
    expect(services('/v1/instances?health=dead&health=unknown')).toEqual(['web', 'db & co']);
    expect(services('/v1/instances?service=db%20%26%20co&namespace=prod&registry=local')).toEqual([
      'db & co',
    ]);
    expect(services('/v1/instances?q=CO')).toEqual(['db & co']);
    expect(services('/v1/services?health=unknown')).toEqual(['web']);
    expect(services('/v1/writes')).toEqual(['db & co']);
    const events = bench.ask('/v1/events?kind=transition&namespace=prod').json.items;
    expect(events).toEqual([
      {
        id: expect.stringMatching(/^[0-9]+$/),
        at: '2026-01-01T00:00:00.000Z',
        kind: 'transition',
        subject: db.id,
        from: 'unknown',
        to: 'dead',
      },
    ]);
    expect(bench.ask('/v1/events?kind=write').json.items).toEqual([]);
  });

  it.each([
    ['/v1/instances?limit=0', 'limit must be a whole number from 1 to 1000.'],
    ['/v1/instances?limit=1001', 'limit must be a whole number from 1 to 1000.'],
    ['/v1/instances?limit=1e2', 'limit must be a whole number from 1 to 1000.'],
    ['/v1/instances?limit=', undefined],
    ['/v1/instances?cursor=x', 'cursor is not one that this list gave.'],
    ['/v1/instances?cursor=W10', 'cursor is not one that this list gave.'],
    ['/v1/instances?cursor=bnVsbA', 'cursor is not one that this list gave.'],
    ['/v1/services?cursor=WyJhIiwiYiJd', 'cursor is not one that this list gave.'],
    ['/v1/services?cursor=WyJhIiwiYiIsImMiXQ', undefined],
    ['/v1/events?cursor=WyJhIl0', 'cursor is not one that this list gave.'],
    ['/v1/events?cursor=WyIxIl0', undefined],
    ['/v1/instances?health=ill,dead', 'health must be of unknown, healthy, sub-healthy, dead.'],
    [`/v1/instances?q=${'x'.repeat(201)}`, 'q has more than 200 characters.'],
    [
      '/v1/instances?sevice=web&limit=x',
      'limit must be a whole number from 1 to 1000; "sevice" is not one of registry, namespace, service, health, q, disagree, limit, cursor.',
    ],
    ['/v1/summary?verbose', '"verbose" is not a parameter here.'],
    ['/v1/instances?__proto__=1', expect.stringContaining('"__proto__" is not one of')],
  ])('%s', (target, detail) => {
    const answer = new ApiBench().ask(target);
    if (detail === undefined) expect(answer.status).toBe(200);
    else expect(answer.json).toMatchObject({ type: 'urn:sonde:problem:bad-parameter', status: 400, detail });
  });

  it('give cursors that only the same list takes', () => {
    const bench = new ApiBench();
    for (let i = 0; i < 2; i++) bench.board.take(appeared(makeInstance({ service: `s${i}` })));
    const { nextCursor } = bench.ask('/v1/services?limit=1').json;
    expect(bench.ask(`/v1/services?cursor=${String(nextCursor)}`).json.items).toHaveLength(1);
    expect(bench.ask(`/v1/instances?cursor=${String(nextCursor)}`).status).toBe(400);
  });
});

describe('single things', () => {
  it('are the summary and an instance', () => {
    const bench = new ApiBench();
    const one = makeInstance({ id: 'abc' });
    bench.board.take(appeared(one));
    expect(bench.ask('/v1/summary').json).toEqual(bench.board.summary());
    const answer = bench.ask('/v1/instances/abc');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.json).toEqual(bench.board.instance('abc'));
    expect(bench.ask('/v1/instances/x%2Fy').problem).toBe(
      '404 not-found: There is no instance with the id "x/y".',
    );
  });
});

describe('of sonde itself', () => {
  it('alive, ready and measured', async () => {
    const bench = new ApiBench();
    expect(bench.ask('/livez').json).toEqual({ alive: true });
    expect(bench.ask('/readyz').json).toEqual({ ready: true });
    bench.waitingFor = ['local', 'etcd'];
    expect(bench.ask('/readyz').problem).toBe('503 unavailable: Waiting for local, etcd.');
    const { headers, body } = bench.ask('/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4');
    expect(await Array.fromAsync(body as AsyncIterable<string>)).toEqual(['sonde_targets 0\n']);
    expect(bench.ask('/metrics/instances').body).toEqual(['probe_success 1\n']);
  });
});

describe('paths and methods', () => {
  it.each([
    ['GET', '/', '404 not-found: There is nothing at this path.'],
    ['GET', '/v1/instances/', '404 not-found: There is no instance with the id "".'],
    ['GET', '/v1//summary', '404 not-found: There is nothing at this path.'],
    ['GET', '/v1/%zz', '400 bad-request: The path is not well-formed.'],
    ['GET', '*', '400 bad-request: The request target is not a path.'],
    ['GET', 'http://evil.example/livez', '400 bad-request: The request target is not a path.'],
    ['POST', '/livez', '405 method-not-allowed: Here go GET, HEAD.'],
    ['DELETE', '/v1/instances/x/probe', '405 method-not-allowed: Here go POST.'],
    ['OPTIONS', '/v1/instances', '405 method-not-allowed: Here go GET, HEAD.'],
    ['GET', '/v1/instances/x/probe', '405 method-not-allowed: Here go POST.'],
  ])('%s %s', (method, target, problem) => {
    const answer = new ApiBench().ask(target, { method });
    expect(answer.problem).toBe(problem);
    if (answer.status === 405) expect(answer.headers.allow).toBe(/go (.*)\.$/.exec(problem)?.[1]);
  });

  it('are fewer on the telemetry door', () => {
    const bench = new ApiBench();
    const status = (target: string, method = 'GET'): number =>
      bench.ask(target, { door: 'telemetry', method }).status;
    for (const open of ['/livez', '/readyz', '/metrics', '/metrics/instances'])
      expect(status(open)).toBe(200);
    bench.board.take(appeared(makeInstance()));
    expect(status('/health/web')).toBe(503);
    for (const shut of ['/v1/summary', '/v1/instances', '/v1/events']) expect(status(shut)).toBe(404);
    expect(status('/v1/instances/x/probe', 'POST')).toBe(404);
  });
});

describe('docs/api.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (GET|POST|DELETE) \| `([^`]+)` \| (yes|no) \|/gm)];

  it('has a table of paths', () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  it.each(rows.map(([, method = '', path = '', telemetry = '']) => [method, path, telemetry]))(
    'is right about %s %s, on the telemetry door: %s',
    (method, path, telemetry) => {
      const bench = new ApiBench();
      const target = path.replace(/\{\w+\}/g, 'x');
      const known = (door: 'main' | 'telemetry'): boolean =>
        !/nothing at this path|method-not-allowed/.test(bench.ask(target, { method, door }).problem);
      expect([known('main'), known('telemetry')]).toEqual([true, telemetry === 'yes']);
    },
  );
});

describe('changes of state', () => {
  const path = '/v1/instances/x/probe';
  const authorization = `Bearer ${TOKEN}`;
  const host = '127.0.0.1:9810';

  it.each([
    ['no token', { host }, '401 token-needed'],
    ['a wrong token', { host, authorization: `Bearer ${TOKEN}x` }, '401 token-needed'],
    ['another scheme', { host, authorization: `Basic ${TOKEN}` }, '401 token-needed'],
    ['two tokens', { host, authorization: [authorization, authorization] }, '401 token-needed'],
    ['the token', { host, authorization }, '404 not-found'],
    ['our own page', { host, authorization, origin: `http://${host}` }, '404 not-found'],
    ['a foreign page', { host, authorization, origin: 'http://evil.example' }, '403 foreign-page'],
    ['a page without origin', { host, authorization, origin: 'null' }, '403 foreign-page'],
    ['a page at another port', { host, authorization, origin: 'http://127.0.0.1:80' }, '403 foreign-page'],
    ['a foreign site', { host, authorization, 'sec-fetch-site': 'cross-site' }, '403 foreign-page'],
    ['a rebound name', { host: 'evil.example:9810', authorization }, '403 foreign-page'],
    ['a name like ours', { host: 'localhost.evil.example', authorization }, '403 foreign-page'],
    ['no name', { authorization }, '403 foreign-page'],
    ['localhost', { host: 'LOCALHOST:9810', authorization }, '404 not-found'],
    ['an IPv6 address', { host: '[::1]:9810', authorization }, '404 not-found'],
    ['a configured name', { host: 'sonde.example', authorization }, '404 not-found'],
  ])('with %s', (_, headers, problem) => {
    const bench = new ApiBench();
    expect(bench.post(path, headers).problem).toMatch(problem);
    expect(bench.probed).toEqual(problem.startsWith('404') ? ['x'] : []);
  });

  it('need no token on the socket', () => {
    const bench = new ApiBench();
    bench.board.take(appeared(makeInstance({ id: 'x' })));
    const answer = bench.post(path, {}, 'socket');
    expect([answer.status, answer.json]).toEqual([202, { id: 'x' }]);
  });

  it('tell how to ask, and callers of this machine where the token is', () => {
    expect(new ApiBench().post(path, { host }).headers['www-authenticate']).toBe('Bearer');
    const told = (from?: string): unknown => {
      const request = { door: 'main', method: 'POST', target: path, headers: { host } } as const;
      const rules = { token: TOKEN, hosts: [], tokenFile: '/run/token' };
      const refused = refuseChange({ ...request, ...(from === undefined ? {} : { from }) }, rules);
      return JSON.parse(refused?.body ?? '{}').tokenFile;
    };
    expect(['127.0.0.1', '::1', '::ffff:127.0.0.2'].map(told)).toEqual(Array(3).fill('/run/token'));
    expect(['10.0.0.1', '::ffff:10.0.0.1', undefined].map(told)).toEqual(Array(3).fill(undefined));
  });
});

describe('a mistake of ours', () => {
  it('is logged and not shown', () => {
    const bench = new ApiBench();
    const answer = bench.post('/v1/instances/broken/probe', {}, 'socket');
    expect(answer.problem).toBe('500 internal-error: The log of the server says more.');
    expect(answer.body).not.toContain('secret');
    expect(bench.log.lines).toEqual([
      {
        level: 'error',
        message: 'A request could not be answered because of a mistake in sonde',
        fields: { error: expect.stringContaining('secret stack') },
      },
    ]);
  });
});

describe('what operators may say', () => {
  it('has a reason where a guard is released', () => {
    const bench = new ApiBench();
    const release = '/v1/registries/local/release-guard';
    const say = (body: string) => bench.ask(release, { method: 'POST', door: 'socket', body });
    expect(say('{"by":"ana","reason":"it is really gone"}').status).toBe(202);
    expect(bench.control.said).toEqual(['release-guard local by ana: it is really gone']);
    expect(say('{"reason":1}').problem).toMatch(/^400 bad-body: reason must be a text/);
    const other = { method: 'POST', door: 'socket', body: '{"reason":"x"}' } as const;
    expect(bench.ask('/v1/instances/x/overwrite', other).problem).toMatch(/^400 bad-body: reason is not one/);
  });

  it.each([
    ['/v1/instances/x/overwrite', 404],
    ['/v1/registries/local/release-guard', 202],
    ['/v1/registries/other/release-guard', 404],
  ])('%s', (target, status) => {
    const bench = new ApiBench();
    expect(bench.post(target, {}, 'socket').status).toBe(status);
    expect(bench.post(target, { host: '127.0.0.1' }).status).toBe(401);
  });
});
