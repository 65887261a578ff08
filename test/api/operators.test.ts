import { describe, expect, it } from 'vitest';
import { appeared, makeInstance, observed } from '../board/reports.ts';
import { type Answer, ApiBench, TOKEN } from './bench.ts';

const ORDER = { kind: 'pause', selector: { service: 'web-*' }, reason: 'new disks', for: '1h' };

function lay(bench: ApiBench, body: unknown): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return bench.ask('/v1/interventions', { method: 'POST', door: 'socket', body: text, from: '10.0.0.9' });
}

describe('interventions', () => {
  it('are laid, listed and lifted', () => {
    const bench = new ApiBench();
    const laid = lay(bench, ORDER);
    expect([laid.status, laid.json.id]).toEqual([201, 'i1']);
    expect(bench.control.orders).toEqual([
      {
        kind: 'pause',
        selector: { service: 'web-*' },
        reason: 'new disks',
        by: '10.0.0.9',
        lasts: 3_600_000,
      },
    ]);
    expect(bench.ask('/v1/interventions').json).toMatchObject({ items: [{ id: 'i1' }], nextCursor: null });
    const lift = { method: 'DELETE', door: 'socket', body: '{"by":"ana"}' } as const;
    expect(bench.ask('/v1/interventions/i1', lift)).toMatchObject({ status: 204, body: '' });
    expect(bench.ask('/v1/interventions/i1', lift).problem).toMatch(/^404 not-found/);
    expect(bench.control.said).toEqual(['lift i1 by ana', 'lift i1 by ana']);
  });

  it('last until they are lifted, but for a pause', () => {
    const bench = new ApiBench();
    const { for: _, ...endless } = ORDER;
    expect(lay(bench, { ...endless, kind: 'hold', by: 'ana' }).status).toBe(201);
    expect(bench.control.orders[0]).toMatchObject({ by: 'ana', lasts: null });
    expect(lay(bench, endless).problem).toBe('400 bad-body: for must be given: a pause always ends.');
  });

  it.each([
    ['', 'body must be a JSON object.'],
    ['[]', 'body must be a JSON object.'],
    ['{"kind":', 'body must be a JSON object.'],
    [{ ...ORDER, kind: 'stop' }, 'kind must be one of pause, hold, release.'],
    [{ ...ORDER, until: 1 }, 'until is not one of kind, selector, reason, by, for.'],
    [{ ...ORDER, selector: 'web' }, 'selector must be an object; {} selects everything.'],
    [{ ...ORDER, selector: { svc: 'x' } }, /^selector.svc is not one of/],
    [{ ...ORDER, selector: { service: 1 } }, 'selector.service must be a text of 1 to 512 characters.'],
    [{ ...ORDER, reason: ' ' }, 'reason must be a text of 1 to 512 characters.'],
    [{ ...ORDER, by: 'x'.repeat(513) }, 'by must be a text of 1 to 512 characters.'],
    [{ ...ORDER, for: 60 }, 'for must be a duration such as "1h" or "30m".'],
    [{ ...ORDER, for: '0s' }, 'for must be a duration such as "1h" or "30m".'],
    [{ ...ORDER, for: '31d' }, 'for must be at most 30 days.'],
  ])('are not made of %j', (body, detail) => {
    const bench = new ApiBench();
    const { status, json } = lay(bench, body);
    expect(status).toBe(400);
    expect(json.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
    expect(bench.control.orders).toEqual([]);
  });

  it('tell of every mistake, by field', () => {
    const { json } = lay(new ApiBench(), {});
    expect((json.errors as { field: string }[]).map(({ field }) => field)).toEqual([
      'kind',
      'selector',
      'reason',
    ]);
  });

  it.each([
    ['POST', '/v1/interventions'],
    ['DELETE', '/v1/interventions/i1'],
    ['POST', '/-/reload'],
  ])('%s %s needs the token and is not on the telemetry door', (method, target) => {
    const bench = new ApiBench();
    const host = { host: '127.0.0.1' };
    expect(bench.ask(target, { method, headers: host }).status).toBe(401);
    const authorization = `Bearer ${TOKEN}`;
    const foreign = { ...host, authorization, origin: 'http://evil.example' };
    expect(bench.ask(target, { method, headers: foreign }).status).toBe(403);
    expect(bench.ask(target, { method, door: 'telemetry', headers: { ...host, authorization } }).status).toBe(
      404,
    );
    expect(bench.control.said).toEqual([]);
  });
});

describe('a reload', () => {
  const reload = (bench: ApiBench): Promise<Answer> =>
    bench.askLater('/-/reload', { method: 'POST', door: 'socket' });

  it('tells what it changed', async () => {
    const bench = new ApiBench();
    expect((await reload(bench)).json).toEqual({ kind: 'unchanged' });
    const changes = { added: 1, removed: 2, changed: 3, kept: 4 };
    bench.control.result = { kind: 'applied', changes };
    expect((await reload(bench)).json).toEqual({ kind: 'applied', changes });
    expect(bench.control.said).toEqual(['reload by socket', 'reload by socket']);
  });

  it('shows the frames where it was rejected', async () => {
    const bench = new ApiBench();
    bench.control.result = { kind: 'rejected', text: 'a frame' };
    const { status, json } = await reload(bench);
    expect([status, json.text]).toEqual([422, 'a frame']);
  });
});

describe('who says it', () => {
  it('is the body or the address, and nothing else stands in the body', () => {
    const bench = new ApiBench();
    bench.board.take(appeared(makeInstance({ id: 'x' })));
    const say = (body: string): Answer =>
      bench.ask('/v1/instances/x/overwrite', { method: 'POST', door: 'socket', body, from: '::1' });
    expect([say('').status, say('{"by":"ana"}').status]).toEqual([202, 202]);
    expect(bench.control.said).toEqual(['overwrite x by ::1', 'overwrite x by ana']);
    expect(say('{"who":"ana"}').problem).toBe('400 bad-body: who is not one of by.');
    expect(say('nobody').status).toBe(400);
  });
});

describe('entity tags', () => {
  it('spare what is known already', () => {
    const bench = new ApiBench();
    const one = makeInstance({ id: 'x' });
    bench.board.take(appeared(one));
    for (const target of ['/v1/instances', '/v1/instances/x', '/v1/services', '/v1/configuration']) {
      const { headers } = bench.ask(target);
      const { etag = '' } = headers;
      expect(headers['cache-control']).toBe('private, no-cache');
      const known = (tags: string): Answer => bench.ask(target, { headers: { 'if-none-match': tags } });
      expect(known(etag)).toMatchObject({ status: 304, body: '' });
      expect(known(`"other", W/${etag}`).status).toBe(304);
      expect(known('"other"').status).toBe(200);
    }
    const { etag = '' } = bench.ask('/v1/instances/x').headers;
    bench.board.take(observed(one, { health: 'healthy', reason: 'passing' }));
    expect(bench.ask('/v1/instances/x', { headers: { 'if-none-match': etag } }).status).toBe(200);
    expect(bench.ask('/livez').headers.etag).toBeUndefined();
  });
});

describe('a shadow rule', () => {
  it('is shown beside the rule, and asked for where they disagree', () => {
    const bench = new ApiBench();
    const [same, other] = [makeInstance({ id: 'same' }), makeInstance({ id: 'other', port: 81 })];
    for (const [instance, health] of [
      [same, 'healthy'],
      [other, 'dead'],
    ] as const) {
      bench.board.take(appeared(instance));
      const seen = observed(instance, { health: 'healthy', reason: 'passing' });
      if (seen.kind !== 'observed') throw new Error('no observation');
      bench.board.take({ ...seen, shadow: { verdict: { ...seen.verdict, health } } });
    }
    expect(bench.ask('/v1/instances?disagree=true').json.items).toMatchObject([
      { id: 'other', checks: [{ health: 'healthy', shadow: { rule: 'likeHaproxy', health: 'dead' } }] },
    ]);
    expect(bench.ask('/v1/instances').json.items).toHaveLength(2);
    expect(bench.ask('/v1/instances?disagree=yes').status).toBe(400);
  });
});

describe('events', () => {
  it('are found by subject and since an id', () => {
    const bench = new ApiBench();
    for (const subject of ['a', 'b', 'a'])
      bench.board.take({ kind: 'event', event: { kind: 'operator', subject, by: 'ana' } });
    const ids = (target: string): string[] =>
      (bench.ask(target).json.items as { id: string }[]).map(({ id }) => id);
    const [third, second, first] = ids('/v1/events');
    expect(ids('/v1/events?subject=a')).toEqual([third, first]);
    expect(ids(`/v1/events?since=${first ?? ''}`)).toEqual([third, second]);
    expect(bench.ask('/v1/events?since=x').status).toBe(400);
  });
});
