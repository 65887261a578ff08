import type { LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Notice } from '../../src/webhooks/cloud-event.ts';
import { Courier } from '../../src/webhooks/courier.ts';
import { oneByOne } from '../../src/webhooks/lookup.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';
import { expectedSignature, Receiver, webhookTo } from './receiver.ts';

const clock = new ManualClock();
let scope: AsyncDisposableStack;
let receiver: Receiver;
let log: QuietLog;
let courier: Courier;
let last: AbortController;
let end: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  receiver = await Receiver.start(scope);
  log = new QuietLog();
  courier = new Courier(webhookTo(receiver.url), { clock, log, random: () => 0 });
  last = new AbortController();
  end = new AbortController();
  running = courier.run(last.signal, end.signal);
});

afterEach(async () => {
  end.abort();
  await running;
  await scope.disposeAsync();
  expect(clock.pending).toBe(0);
});

let serial = 0;

function notice(topic: string, to = 'dead'): Notice {
  return {
    about: 'transition',
    topic,
    event: {
      specversion: '1.0',
      id: `e${serial++}`,
      source: '/sonde/test',
      type: 'io.sonde.instance.transition.v1',
      subject: topic,
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      data: { to },
    },
  };
}

function counters() {
  const { waiting, delivered, failed, superseded, dropped, expired, unwanted } = courier.counters;
  return { waiting, delivered, failed, superseded, dropped, expired, unwanted };
}

/** Until the counters say so. */
async function says(wanted: Partial<ReturnType<typeof counters>>): Promise<void> {
  await expect.poll(counters, { timeout: 10_000, interval: 2 }).toMatchObject(wanted);
}

describe('a courier', () => {
  it('posts one event as structured JSON, with its headers, credentials and signatures', async () => {
    const address = new URL(receiver.url);
    address.username = 'me';
    address.password = 'p%40ss';
    courier.configure(
      webhookTo(address.href, {
        secrets: ['new', 'whsec_b2xk'],
        headers: { 'X-Team': 'shop', 'Webhook-Id': 'x' },
      }),
    );
    const told = notice('web');
    courier.offer(told);
    await receiver.holds(1);
    const [got] = receiver.got;
    if (got === undefined) throw new Error('nothing came');
    expect(got).toMatchObject({ method: 'POST', path: '/hook?a=b' });
    expect(got.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': 'sonde',
      'x-team': 'shop',
      'webhook-id': told.event.id,
      'webhook-timestamp': String(clock.wall() / 1_000),
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
      'webhook-signature': `${expectedSignature(got, Buffer.from('new'))} ${expectedSignature(got, Buffer.from('old'))}`,
    });
    expect(got.event).toEqual(told.event);
    await says({ delivered: 1, waiting: 0, failed: 0 });
  });

  it('tries again with growing patience, one at a time, and says so once', async () => {
    receiver.answer = () => ({ status: 500, body: 'no' });
    courier.offer(notice('web'));
    await says({ failed: 1, waiting: 1 });
    // Equal jitter with a random of 0: half of 5 s, 10 s, 20 s …
    for (const [pause, failed] of [
      [2_500, 2],
      [5_000, 3],
      [10_000, 4],
      [20_000, 5],
    ] as const) {
      await clock.advance(pause - 1);
      expect(receiver.got).toHaveLength(failed - 1);
      await clock.advance(1);
      await says({ failed });
    }
    expect(new Set(receiver.got.map(({ event }) => event.id)).size).toBe(1);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'A webhook does not take events: they are tried again for an hour',
    ]);
    expect(log.lines[0]?.fields).toEqual({ webhook: 'pager', reason: 'status 500' });
    for (let i = 0; i < 20; i++) courier.offer(notice(`other ${i}`));
    receiver.answer = () => ({ status: 200 });
    await clock.advance(40_000);
    await says({ delivered: 21, waiting: 0, failed: 5 });
    expect(log.lines.at(-1)?.message).toBe('A webhook takes events again');
  });

  it('waits as long as it is asked to', async () => {
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '90' } });
    courier.offer(notice('web'));
    await says({ failed: 1 });
    receiver.answer = () => ({ status: 200 });
    await clock.advance(89_999);
    expect(receiver.got).toHaveLength(1);
    await clock.advance(1);
    await says({ delivered: 1 });
  });

  it('gives up what is older than an hour', async () => {
    receiver.answer = () => 'reset';
    courier.offer(notice('web'));
    await says({ failed: 1 });
    for (let i = 0; i < 40; i++) {
      await clock.advance(150_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (counters().expired > 0) break;
    }
    await says({ expired: 1, waiting: 0, delivered: 0 });
  });

  it('sends only the newest of a topic, and never two of it at once', async () => {
    receiver.answer = ({ event }) => (event.data.to === 'dead' ? 'hang' : { status: 200 });
    courier.offer(notice('web', 'dead'));
    await receiver.holds(1);
    courier.offer(notice('web', 'sub-healthy'));
    courier.offer(notice('web', 'healthy'));
    courier.offer(notice('db', 'healthy'));
    await says({ delivered: 1, superseded: 1, waiting: 2 });
    expect(receiver.got.map(({ event: { subject, data } }) => [subject, data.to])).toEqual([
      ['web', 'dead'],
      ['db', 'healthy'],
    ]);
    await clock.advance(10_000);
    await says({ failed: 1, superseded: 2 });
    expect(log.lines[0]?.fields).toEqual({ webhook: 'pager', reason: 'no answer within 10s' });
    await clock.advance(2_500);
    await says({ delivered: 2, waiting: 0 });
    expect(receiver.got.at(-1)?.event.data.to).toBe('healthy');
  });

  it('keeps a bounded number, the newest, and has a bounded number of connections', async () => {
    receiver.answer = () => 'hang';
    for (let i = 0; i < 10_020; i++) courier.offer(notice(`i${i}`));
    await receiver.holds(8);
    expect(receiver.most).toBe(8);
    await says({ waiting: 10_000, dropped: 20 });
    for (let i = 0; i < 50; i++) courier.offer(notice(`more ${i}`));
    expect(counters()).toMatchObject({ dropped: 62, waiting: 10_008 });
    expect(log.lines.filter(({ message }) => message.startsWith('Too many'))).toHaveLength(1);
  });

  it('stops for a receiver that is gone, until it is configured again', async () => {
    receiver.answer = () => ({ status: 410 });
    courier.offer(notice('web'));
    await says({ unwanted: 1, waiting: 0 });
    courier.offer(notice('db'));
    await says({ unwanted: 2, waiting: 0 });
    expect(receiver.got).toHaveLength(1);
    receiver.answer = () => ({ status: 200 });
    courier.configure(courier.config);
    courier.offer(notice('db'));
    await says({ delivered: 1 });
  });

  it('takes a redirect for a failure, and an answer that never ends for what its status says', async () => {
    receiver.answer = () => ({ status: 302, headers: { location: '/elsewhere' } });
    courier.offer(notice('web'));
    await says({ failed: 1 });
    expect(log.lines[0]?.fields.reason).toBe('status 302: redirects are not followed');
    receiver.answer = () => 'half';
    await clock.advance(2_500);
    await receiver.holds(2);
    await clock.advance(10_000);
    await says({ delivered: 1 });
  });

  it('at the end still delivers what waits, while it is taken', async () => {
    receiver.answer = () => 'hang';
    for (let i = 0; i < 8; i++) courier.offer(notice(`slow ${i}`));
    for (let i = 0; i < 30; i++) courier.offer(notice(`i${i}`));
    await receiver.holds(8);
    receiver.answer = () => ({ status: 200 });
    last.abort();
    end.abort();
    await running;
    expect(counters()).toMatchObject({ delivered: 0 });
    expect(log.lines.at(-1)).toMatchObject({
      message: 'A webhook was not told everything',
      fields: { webhook: 'pager', events: 38 },
    });
  });

  it('ends at once where nothing waits, and after what waits where it is taken', async () => {
    for (let i = 0; i < 30; i++) courier.offer(notice(`i${i}`));
    last.abort();
    await running;
    expect(counters()).toMatchObject({ delivered: 30, waiting: 0 });
    expect(log.lines).toEqual([]);
  });

  it('does not wait at the end for a receiver that fails', async () => {
    receiver.answer = () => ({ status: 503, headers: { 'retry-after': '1' } });
    for (let i = 0; i < 3; i++) courier.offer(notice(`i${i}`));
    await says({ failed: 3 });
    last.abort();
    await running;
    expect(counters()).toMatchObject({ delivered: 0, failed: 3 });
    expect(log.lines.at(-1)?.fields).toEqual({ webhook: 'pager', events: 3 });
  });
});

it('looks up one name at a time', async () => {
  const waiting: (() => void)[] = [];
  const asked: string[] = [];
  const find: LookupFunction = (host, _options, done) => {
    asked.push(host);
    waiting.push(() => done(null, '127.0.0.1', 4));
  };
  const lookup = oneByOne(find);
  const done: string[] = [];
  for (const host of ['a', 'b']) lookup(host, {}, () => done.push(host));
  await Promise.resolve();
  expect(asked).toEqual(['a']);
  waiting[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual(['a']);
  expect(asked).toEqual(['a', 'b']);
});
