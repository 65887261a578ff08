import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiRequest, Live } from '../../src/api/message.ts';
import { serve } from '../../src/api/serve.ts';
import { systemClock } from '../../src/app/system-clock.ts';
import { appeared, departed, healthChanged, makeInstance, observed } from '../board/reports.ts';
import { ApiBench } from './bench.ts';

interface Frame {
  readonly event: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

let bench: ApiBench;
let stop: AbortController;
beforeEach(() => {
  bench = new ApiBench();
  stop = new AbortController();
});
afterEach(() => stop.abort(new Error('the test is over')));

function open(target: string, headers: ApiRequest['headers'] = {}): AsyncIterator<string> {
  const answer = bench.ask(target, { headers });
  expect(answer.status).toBe(200);
  return (answer.body as Live).live(stop.signal)[Symbol.asyncIterator]();
}

/** The next piece, while time goes on. */
async function piece(stream: AsyncIterator<string>): Promise<string | undefined> {
  const next = stream.next();
  let result: IteratorResult<string> | undefined;
  void next.then((told) => {
    result = told;
  });
  for (let i = 0; i < 100 && result === undefined; i++) await bench.clock.advance(250);
  return result?.done === true ? undefined : result?.value;
}

async function frame(stream: AsyncIterator<string>): Promise<Frame> {
  const text = (await piece(stream)) ?? '';
  const fields = (name: string): string =>
    [...text.matchAll(new RegExp(`^${name}: (.*)$`, 'gm'))].map(([, value]) => value).join('\n');
  return { event: fields('event'), id: fields('id'), data: JSON.parse(fields('data')) };
}

const one = makeInstance({ id: 'a' });

describe('the stream', () => {
  it('begins with a snapshot and goes on with what changes', async () => {
    bench.board.take(appeared(one));
    const stream = open('/v1/stream');
    expect(await piece(stream)).toBe('retry: 3000\n\n');
    const first = await frame(stream);
    expect(first).toMatchObject({
      event: 'snapshot',
      data: {
        summary: { services: 1 },
        services: [{ service: 'web' }],
        instances: [{ id: 'a' }],
        events: [],
      },
    });
    bench.board.take(healthChanged(one, 'unknown', 'dead'));
    bench.board.take({ kind: 'event', event: { kind: 'transition', subject: 'a', to: 'dead' } });
    const second = await frame(stream);
    expect(second.data).toMatchObject({
      summary: { instances: { dead: 1 } },
      services: [{ instances: { dead: 1 } }],
      instances: [{ id: 'a', health: 'dead' }],
      events: [{ subject: 'a' }],
    });
    expect(Number(second.id)).toBeGreaterThan(Number(first.id));
    bench.board.take(departed(one));
    expect((await frame(stream)).data).toMatchObject({
      gone: { instances: ['a'], services: [['local', 'default', 'web']] },
    });
  });

  it('tells only what was asked for, and what leaves the filter', async () => {
    const other = makeInstance({ id: 'b', service: 'db' });
    for (const instance of [one, other]) bench.board.take(appeared(instance));
    const stream = open('/v1/stream?topics=instances&service=web&health=unknown');
    await piece(stream);
    expect((await frame(stream)).data).toEqual({
      summary: null,
      services: [],
      instances: [bench.board.instance('a')],
      events: [],
    });
    bench.board.take(healthChanged(one, 'unknown', 'dead'));
    expect((await frame(stream)).data).toEqual({ gone: { services: [], instances: ['a'] } });
    expect(bench.ask('/v1/stream?topics=all').status).toBe(400);
  });

  it('puts together what changes between two frames', async () => {
    bench.board.take(appeared(one));
    const stream = open('/v1/stream?topics=instances');
    await piece(stream);
    await frame(stream);
    const begin = bench.clock.now();
    for (const to of ['dead', 'healthy', 'dead'] as const)
      bench.board.take(healthChanged(one, 'unknown', to));
    expect((await frame(stream)).data.instances).toMatchObject([{ health: 'dead' }]);
    expect(bench.clock.now() - begin).toBeGreaterThanOrEqual(250);
  });

  it('pings where nothing changes, looks being no change', async () => {
    bench.board.take(appeared(one));
    const stream = open('/v1/stream?topics=instances,services');
    await piece(stream);
    await frame(stream);
    const begin = bench.clock.now();
    bench.board.take(observed(one));
    expect(await piece(stream)).toBe(': ping\n\n');
    expect(bench.clock.now() - begin).toBeGreaterThanOrEqual(15_000);
  });

  it('resumes, or says that it cannot and begins anew', async () => {
    bench.board.take(appeared(one));
    const before = String(bench.board.changes.revision);
    bench.board.take(healthChanged(one, 'unknown', 'dead'));
    const resumed = open('/v1/stream?topics=instances', { 'last-event-id': before });
    await piece(resumed);
    expect(await frame(resumed)).toMatchObject({ event: 'delta', data: { instances: [{ id: 'a' }] } });
    for (const unknown of ['1', 'x', '99999999999999999']) {
      const anew = open('/v1/stream?topics=instances', { 'last-event-id': unknown });
      await piece(anew);
      expect((await frame(anew)).event).toBe('reset');
      expect((await frame(anew)).event).toBe('snapshot');
    }
  });

  it('resets and drops who does not read', async () => {
    bench.board.take(appeared(one));
    const stream = open('/v1/stream?topics=instances');
    await piece(stream);
    await frame(stream);
    for (let i = 0; i < 10_000; i++) bench.board.take(healthChanged(one, 'unknown', 'dead'));
    expect((await frame(stream)).event).toBe('reset');
    expect(await piece(stream)).toBeUndefined();
  });

  it('has a bound on how many there are, and forgets those that left', () => {
    for (let i = 0; i < 64; i++) open('/v1/stream');
    const refused = bench.ask('/v1/stream');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '10']);
    stop.abort(new Error('they leave'));
    expect(bench.ask('/v1/stream').status).toBe(200);
  });

  it('goes over a socket at once, and ends when the listener closes or the client leaves', async () => {
    bench.board.take(appeared(one));
    const scope = new AsyncDisposableStack();
    const address = { host: '127.0.0.1', port: 0 };
    const { api, log } = bench;
    const served = await serve({ door: 'main', address }, { api, log, clock: systemClock, scope });
    if (served.kind === 'failed' || 'path' in served.address) throw new Error('does not listen');
    const url = `http://127.0.0.1:${served.address.port}/v1/stream`;
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('event: snapshot')) text += (await reader?.read())?.value ?? '';
    await scope.disposeAsync();
    while ((await reader?.read())?.done === false);
  });
});
