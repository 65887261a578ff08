import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import type { Instance } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { RegistryError } from '../../src/core/registry.ts';
import { AppBench } from '../support/app-bench.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { Receiver, webhookTo } from './receiver.ts';

const PASS: Outcome = { kind: 'pass' };
const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };

let scope: AsyncDisposableStack;
let receiver: Receiver;
let bench: AppBench | undefined;
const dead = new Set<string>();

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  receiver = await Receiver.start(scope);
  dead.clear();
});

afterEach(async () => {
  await bench?.stop();
  expect(bench?.clock.pending).toBe(0);
  bench = undefined;
  await scope.disposeAsync();
});

/** Two services of four, healthy. */
async function start(webhooks: Config['webhooks']) {
  const registry = new FakeRegistry();
  for (const service of ['web', 'db']) for (let i = 1; i <= 4; i++) registry.put(service, `${service}:${i}`);
  bench = new AppBench({
    registry,
    look: ({ key }: Instance) => (dead.has(key) ? REFUSED : PASS),
    rule: { window: { count: 10 } },
    config: { webhooks },
  });
  bench.start();
  await bench.clock.advance(60_000);
  return { registry, bench, clock: bench.clock };
}

const told = () =>
  receiver.got.map(({ event: { type, subject, data } }) => ({ type, subject, to: data.to ?? data.receipt }));

async function metric(bench: AppBench, name: string): Promise<readonly string[]> {
  let text = '';
  for await (const piece of bench.app.metrics.text()) text += piece;
  return text.split('\n').filter((line) => line.startsWith(name));
}

describe('webhooks', () => {
  it('are told of transitions, with the numbers that made them', async () => {
    const { bench, clock } = await start([webhookTo(receiver.url)]);
    await receiver.holds(8);
    expect(new Set(told().map(({ to }) => to))).toEqual(new Set(['healthy']));
    dead.add('web:1');
    await clock.advance(30_000);
    await receiver.holds(10);
    const [instance] = [...bench.app.board.instances({})].filter(({ health }) => health === 'dead');
    const [event] = bench.app.board.events({ kind: ['transition'] });
    expect(receiver.got.at(-1)?.event).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[\w-]+$/),
      source: expect.stringMatching(/^\/sonde\/./),
      type: 'io.sonde.instance.transition.v1',
      subject: 'fake/default/web/web:1',
      time: event?.at,
      datacontenttype: 'application/json',
      data: {
        instance: instance?.id,
        registry: 'fake',
        namespace: 'default',
        service: 'web',
        host: 'web',
        port: 1,
        from: 'sub-healthy',
        to: 'dead',
        reason: 'connect-refused',
        numbers: { ...event?.numbers, windowStart: new Date(event?.numbers?.windowStart ?? 0).toISOString() },
      },
    });
    expect(await metric(bench, 'sonde_webhook_')).toContain(
      'sonde_webhook_deliveries_total{webhook="pager",result="delivered"} 10',
    );
  });

  it('are told only of what they ask for', async () => {
    const { clock } = await start([
      webhookTo(receiver.url, { match: { service: ['db'], registry: ['fake'] } }),
      webhookTo(receiver.url, { name: 'writes', events: ['write-failure'] }),
      webhookTo(receiver.url, {
        name: 'elsewhere',
        match: { registry: ['other'] },
        events: ['transition', 'registry'],
      }),
    ]);
    dead.add('web:1');
    await clock.advance(30_000);
    dead.add('db:1');
    await clock.advance(30_000);
    await receiver.holds(6);
    expect(told().filter(({ to }) => to === 'dead')).toEqual([
      { type: 'io.sonde.instance.transition.v1', subject: 'fake/default/db/db:1', to: 'dead' },
    ]);
    expect(receiver.got).toHaveLength(6);
  });

  it('are told of writes that somebody contests', async () => {
    const { registry, clock } = await start([webhookTo(receiver.url, { events: ['write-failure'] })]);
    registry.edit('web', 'web:2', (entry) =>
      entry.mark === undefined ? entry : { ...entry, mark: { ...entry.mark, intact: false } },
    );
    dead.add('web:2');
    await clock.advance(60_000);
    await receiver.holds(1);
    expect(told()).toEqual([
      { type: 'io.sonde.write.failed.v1', subject: 'fake/default/web/web:2', to: 'contested' },
    ]);
  });

  it('are told once that a registry takes no writes, and events tell when it does again', async () => {
    const { registry, bench, clock } = await start([webhookTo(receiver.url, { events: ['write-failure'] })]);
    registry.refusing = new RegistryError('forbidden', 'no right to write');
    dead.add('web:1');
    await clock.advance(60_000);
    await receiver.holds(1);
    registry.refusing = undefined;
    await clock.advance(60_000);
    expect(receiver.got.map(({ event: { type, subject, data } }) => [type, subject, data])).toEqual([
      [
        'io.sonde.registry.writes.failed.v1',
        'fake',
        {
          registry: 'fake',
          error: 'forbidden',
          detail: expect.stringContaining('no right to write') as string,
        },
      ],
    ]);
    const events = [...bench.app.board.events({ kind: ['write'], subject: ['fake'] })];
    expect(events.map(({ to }) => to)).toEqual(['working', 'failing']);
    expect(registry.mark('web', 'web:1')?.health).toBe('dead');
  });

  it('are told of a registry that is down for a minute, and of its return', async () => {
    const { registry, clock } = await start([webhookTo(receiver.url, { events: ['registry'] })]);
    const error = new RegistryError('unreachable', 'nobody answers');
    registry.fail(error);
    await clock.advance(20_000);
    registry.fail(undefined);
    await clock.advance(100_000);
    expect(receiver.got).toEqual([]);
    registry.fail(error);
    await clock.advance(61_000);
    await receiver.holds(1);
    registry.fail(undefined);
    await clock.advance(60_000);
    await receiver.holds(2);
    expect(told().map(({ type, subject }) => [type, subject])).toEqual([
      ['io.sonde.registry.down.v1', 'fake'],
      ['io.sonde.registry.up.v1', 'fake'],
    ]);
    expect(receiver.got[0]?.event.data.error).toContain('nobody answers');
  });

  it('survive a reload: what waits is kept, those that are new are told, those that are gone are not', async () => {
    receiver.answer = () => ({ status: 500 });
    const { bench, clock } = await start([
      webhookTo(receiver.url),
      webhookTo(receiver.url, { name: 'gone' }),
    ]);
    await receiver.holds(2);
    const other = await Receiver.start(scope);
    bench.rewrite({
      revision: 'second',
      webhooks: [webhookTo(other.url), webhookTo(other.url, { name: 'new', headers: { 'x-new': '1' } })],
    });
    expect((await bench.app.reloader.reload('test')).kind).toBe('applied');
    // All eight healths that it could not be told of go to the new address, at once.
    await other.holds(8);
    expect(other.got.filter(({ headers }) => headers['x-new'] !== undefined)).toEqual([]);
    const before = receiver.got.length;
    dead.add('web:1');
    await clock.advance(30_000);
    await other.holds(10);
    expect(receiver.got).toHaveLength(before);
    const lines = await metric(bench, 'sonde_webhook_waiting');
    expect(lines.toSorted()).toEqual([
      'sonde_webhook_waiting{webhook="new"} 0',
      'sonde_webhook_waiting{webhook="pager"} 0',
    ]);
  });

  it('deliver at the end what waits, but wait no longer than three seconds for who hangs', async () => {
    const { bench, clock } = await start([webhookTo(receiver.url, { timeout: 60_000 })]);
    await receiver.holds(8);
    receiver.answer = () => 'hang';
    dead.add('web:1');
    await clock.advance(30_000);
    await receiver.holds(9);
    let over = false;
    const stopped = bench.stop().then(() => {
      over = true;
    });
    await clock.advance(2_900);
    expect(over).toBe(false);
    await clock.advance(200);
    await stopped;
    expect(bench.log.lines.map(({ message }) => message)).toContain('A webhook was not told everything');
  });

  it('that hang, break or refuse never delay a look or a write', async () => {
    const looksIn = async (webhooks: Config['webhooks']) => {
      const { bench, clock, registry } = await start(webhooks);
      for (let round = 0; round < 30; round++) {
        for (const key of ['web:1', 'db:2']) if (!dead.delete(key)) dead.add(key);
        await clock.advance(20_000);
      }
      const writes = registry.writes.map(({ key, value }) => `${key} ${value}`);
      const { looks } = bench;
      const stopped = bench.stop();
      await clock.advance(10_000);
      await stopped;
      dead.clear();
      return { looks, writes };
    };
    const without = await looksIn([]);
    expect(without.writes.length).toBeGreaterThan(20);
    let turn = 0;
    receiver.answer = () => (['hang', 'reset', 'half', { status: 500 }] as const)[turn++ % 4] ?? 'hang';
    const one = webhookTo(receiver.url, { timeout: 7_000 });
    expect(
      await looksIn([one, { ...one, name: 'b' }, { ...one, name: 'c', url: 'http://127.0.0.1:1/' }]),
    ).toEqual(without);
    expect(turn).toBeGreaterThan(4);
  });
});
