import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceView } from '../../src/core/view.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { CliBench, type Ran } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';
import { check, IDS, T0 } from './world.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;
let clock: ManualClock;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
  clock = new ManualClock(T0);
});
afterEach(() => scope.disposeAsync());

/** Lets the time pass that it needs. */
async function ended(done: Promise<Ran>): Promise<Ran> {
  let over = false;
  const settled = done.finally(() => {
    over = true;
  });
  await expect
    .poll(
      async () => {
        await clock.advance(100);
        return over;
      },
      { timeout: 15_000, interval: 10 },
    )
    .toBe(true);
  expect(clock.pending).toBe(0);
  return settled;
}

function change(id: string, fields: Partial<InstanceView>): void {
  bench.world.instances = bench.world.instances.map((one) => (one.id === id ? { ...one, ...fields } : one));
}

describe('sonde wait', () => {
  it('waits until all of them are there', async () => {
    bench.clock = clock;
    const done = bench.run(['wait', '--for', 'health=healthy', 'web-cart']);
    await expect.poll(() => bench.server.asked.length).toBe(1);
    change(IDS.dead, { health: 'healthy' });
    await clock.advance(500);
    await expect.poll(() => bench.server.asked.length).toBe(2);
    change(IDS.poor, { health: 'healthy' });
    expect(await ended(done)).toEqual({ code: 0, out: 'web-cart: 2 of 2 healthy\n', err: '' });
  });

  it.each([
    [['--for', 'health=dead', '--min', '1', 'web-cart'], 'web-cart: 1 of 2 dead\n'],
    [['--for', 'health=dead,sub-healthy', 'shop/web-cart'], 'shop/web-cart: 2 of 2 dead or sub-healthy\n'],
    [['--for', 'health=dead', '10.2.4.17:8080'], '10.2.4.17:8080: 1 of 1 dead\n'],
    [['--for', 'health=healthy', 'other/*/*'], 'other/*/*: 1 of 1 healthy\n'],
    [['--for', 'health=healthy', IDS.well], `${IDS.well}: 1 of 1 healthy\n`],
  ])('%j is so already', async (words, out) => {
    expect(await bench.run(['wait', ...words])).toEqual({ code: 0, out, err: '' });
  });

  it('says what is missing once the time is over', async () => {
    expect(await bench.run(['wait', '--for', 'health=healthy', 'web-cart', '--timeout', '10ms'])).toEqual({
      code: 124,
      out: '',
      err: 'sonde: web-cart: 0 of 2 healthy after 10ms\n  10.2.4.17:8080 is dead: connect-refused\n  10.2.4.18:8080 is sub-healthy: low-success-rate\n',
    });
  });

  it('waits for instances that are to come', async () => {
    bench.clock = clock;
    const { instances } = bench.world;
    bench.world.instances = [];
    const done = bench.run(['wait', '--for', 'health=healthy', 'web-shop']);
    await expect.poll(() => bench.server.asked.length).toBe(1);
    bench.world.instances = instances;
    expect((await ended(done)).code).toBe(0);
    expect((await bench.run(['wait', '--for', 'health=healthy', 'nobody', '--timeout', '0s'])).err).toBe(
      'sonde: nobody: there is no such instance after 0s\n',
    );
  });

  it('tells on a terminal what it waits for, after a second', async () => {
    bench.clock = clock;
    const io = new FakeIo(true);
    const done = bench.run(['wait', '--for', 'health=healthy', 'web-cart', '--timeout', '3s'], io);
    await expect.poll(() => bench.server.asked.length).toBe(1);
    await ended(done);
    expect(io.err.text).toContain('\rwaiting: web-cart: 0 of 2 healthy\u001b[K');
    expect(io.err.text).toContain('\r\u001b[Ksonde: web-cart: 0 of 2 healthy after 3s\n');
  });
});

describe('sonde probe', () => {
  const later = '2026-01-01T00:00:01.000Z';

  it('shows what the look found', async () => {
    bench.server.before = ({ method, path }) => {
      if (method === 'POST' && path === `/v1/instances/${IDS.well}/probe`) {
        const last = { at: later, outcome: 'pass', cause: null, duration: 2.7, detail: 'fine' } as const;
        change(IDS.well, { checks: [check('healthy', { last })] });
      }
    };
    const { code, out } = await bench.run(['probe', IDS.well]);
    expect(out).toBe(
      'CHECK   KIND   OUTCOME   CAUSE   TOOK   HEALTH    DETAIL\nweb     http   pass      -       3ms    healthy   fine\n',
    );
    expect(code).toBe(0);
  });

  it('exits with 1 where the look did not pass', async () => {
    bench.server.before = ({ method }) => {
      const last = {
        at: later,
        outcome: 'fail',
        cause: 'connect-refused',
        duration: 1,
        detail: 'no',
      } as const;
      if (method === 'POST') change(IDS.dead, { checks: [check('dead', { last })] });
    };
    const { code, out } = await bench.run(['probe', '10.2.4.17:8080', '-o', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ id: IDS.dead, checks: [{ last: { outcome: 'fail' } }] });
  });

  it('does not wait for ever for a look that does not come', async () => {
    bench.clock = clock;
    const ran = await ended(bench.run(['probe', IDS.well]));
    expect(ran).toMatchObject({
      code: 4,
      err: 'looking at 10.2.4.19:8080\nsonde: not all looks came back within 15 s\n',
    });
  });
});

describe('sonde overwrite', () => {
  it('finds the instance by its address', async () => {
    expect((await bench.run(['overwrite', '10.2.4.17:8080', '--by', 'ana'])).out).toBe(
      '10.2.4.17:8080 will be written over; sonde get writes shows it.\n',
    );
    expect(bench.server.changes).toEqual([`POST /v1/instances/${IDS.dead}/overwrite`]);
  });
});

describe('sonde reload', () => {
  it('says what changed', async () => {
    expect((await bench.run(['reload'])).out).toBe(
      'Reloaded: 2 targets added, 1 removed, 0 changed, 4 kept.\n',
    );
    expect(JSON.parse((await bench.run(['reload', '-o', 'json'])).out)).toEqual(bench.world.reload);
    bench.world.reload = { kind: 'unchanged' };
    expect((await bench.run(['reload'])).out).toBe(
      'The configuration is the one that is in force: nothing changed.\n',
    );
  });

  it('shows the frames of what is wrong', async () => {
    const text = 'error[SND1003]: unknown key `nam`\n  sonde.yaml:3:5\n';
    bench.world.reload = { kind: 'rejected', text };
    expect(await bench.run(['reload'])).toEqual({
      code: 1,
      out: '',
      err: `${text}\nRejected: nothing was changed.\n`,
    });
    const { code, out } = await bench.run(['reload', '-o', 'json']);
    expect([code, JSON.parse(out)]).toEqual([1, { kind: 'rejected', text }]);
  });
});

describe('what takes more than a second', () => {
  it.each([
    [['reload'], 'reloading'],
    [['get', 'instances'], 'listing instances'],
    [['get', 'events', '-o', 'json'], 'listing events'],
    [['probe', IDS.dead], 'looking at 10.2.4.17:8080'],
  ])('says on a terminal what is going on: %j', async (words, sentence) => {
    bench.clock = clock;
    const io = new FakeIo(true);
    const { promise: answer, resolve: release } = Promise.withResolvers<void>();
    const slow = words[0] === 'probe' ? 3 : 1;
    bench.server.before = () => (bench.server.asked.length >= slow ? answer : undefined);
    const done = bench.run(words, io);
    await expect.poll(() => bench.server.asked.length).toBe(slow);
    await expect.poll(() => clock.pending).toBeGreaterThan(1);
    await clock.advance(1_100);
    expect(io.err.text).toContain(`\r${sentence}`);
    release();
    await ended(done);
    // Nothing of it stays.
    expect(io.err.text.endsWith('\r\u001b[K') || io.err.text.includes('\r\u001b[Ksonde: ')).toBe(true);
  });
});
