import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serve } from '../../src/api/serve.ts';
import { addGet } from '../../src/cli/get.ts';
import type { InstanceView } from '../../src/core/view.ts';
import { ApiBench } from '../api/bench.ts';
import {
  appeared,
  departed,
  desired,
  healthChanged,
  makeInstance,
  observed,
  REFUSED,
} from '../board/reports.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { FakeIo } from './fake-io.ts';

class SleepCounter extends ManualClock {
  sleeps = 0;

  override sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.sleeps++;
    return super.sleep(ms, signal);
  }
}

const T0 = Date.UTC(2026, 0, 1);
let scope: AsyncDisposableStack;
let bench: ApiBench;
let clock: SleepCounter;
let server: string;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = new ApiBench();
  clock = new SleepCounter(T0);
  const { api, log } = bench;
  const served = await serve(
    { door: 'main', address: { host: '127.0.0.1', port: 0 } },
    { api, log, clock, scope },
  );
  if (served.kind === 'failed' || 'path' in served.address) throw new Error('does not listen');
  server = `http://127.0.0.1:${served.address.port}`;
});
afterEach(() => scope.disposeAsync());

async function run(io: FakeIo, ...args: readonly string[]): Promise<void> {
  const program = new Command('sonde').exitOverride().configureOutput({
    writeErr: (text) => io.err.write(text),
    writeOut: (text) => io.out.write(text),
  });
  addGet(program, io, clock);
  io.env.SONDE_SERVER ??= server;
  await program.parseAsync(['get', ...args], { from: 'user' });
}

async function output(...args: readonly string[]): Promise<string> {
  const io = new FakeIo();
  await run(io, ...args);
  return io.out.text;
}

const web = makeInstance({ id: 'f1', namespace: 'prod', service: 'payments', host: '10.2.4.17', port: 8080 });
const pay = makeInstance({ id: 'f2', namespace: 'prod', service: '支付服务', host: '10.2.4.18', port: 8080 });
const six = makeInstance({
  id: 'f3',
  namespace: 'prod',
  service: 'search-with-a-rather-long-name',
  host: 'fd00::17',
});

/** Three instances: dead and held, sub-healthy, unknown. */
function fill(): void {
  const { board } = bench;
  for (const instance of [web, pay, six]) board.take(appeared(instance));
  board.take(
    observed(web, { passed: 0, total: 20, outcome: REFUSED, health: 'dead', reason: 'connect-refused' }),
  );
  board.take(healthChanged(web, 'unknown', 'dead', { flags: ['held'], since: T0 - 252_000 }));
  board.take(desired(web, 'dead', 'max-unavailable'));
  board.take(observed(pay, { passed: 14, total: 20, duration: 1_900, health: 'sub-healthy' }));
  board.take(
    healthChanged(pay, 'unknown', 'sub-healthy', { reason: 'low-success-rate', since: T0 - 1_020_000 }),
  );
  board.take({
    kind: 'receipt',
    instance: pay.id,
    registry: 'local',
    desired: 'sub-healthy',
    receipt: 'written',
    lag: 1,
  });
  board.take({
    kind: 'event',
    event: {
      kind: 'transition',
      subject: web.id,
      from: 'unknown',
      to: 'dead',
      reason: 'connect-refused',
      detail: 'prod/payments 10.2.4.17:8080',
    },
  });
  board.take({ kind: 'event', event: { kind: 'registry', subject: 'local', to: 'down', detail: 'refused' } });
}

describe('sonde get', () => {
  it('fits a terminal of 80 columns', async () => {
    fill();
    const io = new FakeIo(true);
    io.env.NO_COLOR = '1';
    await run(io, 'instances');
    expect(io.out.text).toBe(
      [
        'NAMESPACE   SERVICE    INSTANCE         HEALTH          RATE   REASON      SINCE',
        'prod        payments   10.2.4.17:8080   ✖ dead,held     0%     connect-…   4m12s',
        'prod        search-…   [fd00::17]:80    ○ unknown       -      no-evide…   0s',
        'prod        支付服务   10.2.4.18:8080   ◐ sub-healthy   70%    low-succ…   17m',
        '',
      ].join('\n'),
    );
  });

  it('colours healths on a terminal', async () => {
    fill();
    const io = new FakeIo(true);
    await run(io, 'instances', '--service', 'payments');
    expect(io.out.text).toContain('\u001b[31m✖ dead,held\u001b[39m');
  });

  it('is whole and plain in a pipe', async () => {
    fill();
    expect(await output('instances', '--health', 'unknown,dead')).toBe(
      [
        'NAMESPACE   SERVICE                          INSTANCE         HEALTH      RATE   REASON            SINCE',
        'prod        payments                         10.2.4.17:8080   dead,held   0%     connect-refused   4m12s',
        'prod        search-with-a-rather-long-name   [fd00::17]:80    unknown     -      no-evidence       0s',
        '',
      ].join('\n'),
    );
  });

  it('shows more when told so', async () => {
    fill();
    expect(await output('instances', '-o', 'wide', '--service', '支付服务')).toBe(
      [
        'ID   REGISTRY   NAMESPACE   SERVICE    INSTANCE         HEALTH        RATE   P95    REASON             SINCE   WRITTEN       HELD   CHECKS',
        'f2   local      prod        支付服务   10.2.4.18:8080   sub-healthy   70%    1.9s   low-success-rate   17m     sub-healthy   -      tcp=sub-healthy',
        '',
      ].join('\n'),
    );
  });

  it('lists services, events and writes', async () => {
    fill();
    expect(await output('services')).toBe(
      [
        'NAMESPACE   SERVICE                          HEALTHY   SUB-HEALTHY   DEAD   UNKNOWN   HELD   RATE',
        'prod        payments                         0         0             1      0         1      0%',
        'prod        search-with-a-rather-long-name   0         0             0      1         0      -',
        'prod        支付服务                         0         1             0      0         0      70%',
        '',
      ].join('\n'),
    );
    expect(await output('events')).toBe(
      [
        'AT         KIND         SUBJECT   CHANGE           REASON            DETAIL',
        '00:00:00   transition   f1        unknown → dead   connect-refused   prod/payments 10.2.4.17:8080',
        '00:00:00   registry     local     down             -                 refused',
        '',
      ].join('\n'),
    );
    expect(await output('writes')).toBe(
      [
        'NAMESPACE   SERVICE    INSTANCE         DESIRED   WRITTEN       RECEIPT   HELD              AGE',
        'prod        payments   10.2.4.17:8080   dead      -             -         max-unavailable   -',
        'prod        支付服务   10.2.4.18:8080   -         sub-healthy   written   -                 0s',
        '',
      ].join('\n'),
    );
  });

  it('prints documents', async () => {
    fill();
    const instances = [...bench.board.instances({})];
    expect(JSON.parse(await output('instances', '-o', 'json'))).toEqual(instances);
    const lines = (await output('instances', '-o', 'jsonl')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(instances);
    expect(parse(await output('instances', '-o', 'yaml'))).toEqual(instances);
  });

  it('follows all pages', async () => {
    for (let i = 0; i < 2_345; i++) bench.board.take(appeared(makeInstance({ port: 1 + i })));
    const found = JSON.parse(await output('instances', '-o', 'json')) as readonly InstanceView[];
    expect(found.map(({ port }) => port)).toEqual(Array.from({ length: 2_345 }, (_, i) => 1 + i));
  });

  it('says when there is nothing, apart from the results', async () => {
    const io = new FakeIo();
    await run(io, 'instances', '--namespace', 'nowhere');
    expect([io.out.text, io.err.text, io.exitCode]).toEqual(['', 'No instances.\n', undefined]);
    expect(await output('events', '-o', 'json')).toBe('[]\n');
  });
});

describe('sonde get, sorted and filtered,', () => {
  beforeEach(fill);

  async function column(at: number, ...args: readonly string[]): Promise<readonly (string | undefined)[]> {
    const text = await output(...args, '--no-headers');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {3,}/)[at]);
  }

  it.each([
    ['health', ['dead,held', 'sub-healthy', 'unknown']],
    ['rate', ['dead,held', 'sub-healthy', 'unknown']],
    ['since', ['unknown', 'dead,held', 'sub-healthy']],
    ['instance', ['dead,held', 'sub-healthy', 'unknown']],
    ['written', ['sub-healthy', 'dead,held', 'unknown']],
  ])('sorts by %s, the worst or newest first', async (field, healths) => {
    expect(await column(3, 'instances', '--sort-by', field)).toEqual(healths);
  });

  it('sorts documents, too', async () => {
    const found = JSON.parse(await output('services', '-o', 'json', '--sort-by', 'dead')) as {
      service: string;
    }[];
    expect(found[0]?.service).toBe('payments');
  });

  it.each([
    [['--namespace', 'prod', '-q', '10.2.4.'], 2],
    [['-n', 'nowhere'], 0],
    [['-q', 'fd00'], 1],
    [['--registry', 'local', '--service', 'payments'], 1],
  ])('filters by %j', async (args, count) => {
    const found = JSON.parse(await output('instances', '-o', 'json', ...args)) as unknown[];
    expect(found).toHaveLength(count);
  });

  it('filters events by kind', async () => {
    expect(await column(1, 'events', '--kind', 'registry')).toEqual(['registry']);
  });

  it('prints no titles when watching, if so told', async () => {
    const io = new FakeIo();
    const done = run(io, 'instances', '-w', '--no-headers', '--service', 'payments').catch(() => undefined);
    await expect.poll(() => clock.sleeps, { timeout: 10_000 }).toBe(1);
    io.ending.abort();
    await done;
    expect(io.out.text).toMatch(/^prod +payments [^\n]+\n$/);
  });
});

describe('sonde get without a server that answers', () => {
  async function failure(...args: readonly string[]): Promise<string> {
    const io = new FakeIo();
    await run(io, 'instances', ...args);
    expect([io.out.text, io.exitCode]).toEqual(['', 4]);
    return io.err.text;
  }

  async function answering(status: number, body: string): Promise<string> {
    const other = createServer((_, response) => response.writeHead(status).end(body));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    scope.defer(() => {
      other.close();
    });
    return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  }

  it('says so in one sentence', async () => {
    await scope.disposeAsync();
    scope = new AsyncDisposableStack();
    expect(await failure()).toBe(
      `sonde: ${server}: connection refused (is "sonde run" running there? --server or SONDE_SERVER say where else)\n`,
    );
  });

  it.each([
    [404, 'Not Found', /: it refused with 404\n$/],
    [503, '{"detail":"Not\\u001b[2J today."}', /: it refused with 503: Not\ufffd\[2J today\.\n$/],
    [200, '<html>', /: the answer is not one of sonde\n$/],
    [200, '{"items":{},"nextCursor":null}', /: the answer is not one of sonde\n$/],
    [200, '{"items":[],"nextCursor":"again"}', /: its list has no end\n$/],
  ])('says what is wrong with %i %s', async (status, body, sentence) => {
    expect(await failure('--server', await answering(status, body))).toMatch(sentence);
  });

  it('waits ten seconds at most', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    scope.defer(() => {
      mute.closeAllConnections();
      mute.close();
    });
    const asked = new Promise((resolve) => mute.once('request', resolve));
    const failed = failure('--server', `http://127.0.0.1:${(mute.address() as AddressInfo).port}`);
    await asked;
    await clock.advance(10_000);
    expect(await failed).toMatch(/: no answer within 10 s\n$/);
  });
});

describe('sonde get, misused,', () => {
  it.each([
    [
      ['instances', '--server', 'localhost:9810'],
      "'localhost:9810' is no http:// or https:// URL of a server",
    ],
    [
      ['instances', '--health', 'healthy,ill'],
      "'ill' is none of the healths unknown, healthy, sub-healthy, dead",
    ],
    [['instances', '-w', '-o', 'yaml'], '-o yaml is one document and cannot be watched; use -o jsonl'],
    [['instances', '--sort-by', 'helth'], "instances cannot be sorted by 'helth': did you mean 'health'?"],
    [
      ['services', '--sort-by', 'zzzzzz'],
      "services cannot be sorted by 'zzzzzz': there are registry, namespace",
    ],
    [['events', '--kind', 'write,wirte'], "'wirte' is none of the kinds transition, write"],
    [['instances', '-o', 'xml'], 'Allowed choices are table, wide, json, jsonl, yaml.'],
    [['fleet'], "unknown command 'fleet'"],
  ])('says how it is used: %j', async (args, sentence) => {
    const io = new FakeIo();
    await expect(run(io, ...args)).rejects.toThrow(CommanderError);
    expect(io.err.text).toContain(sentence);
    expect(io.out.text).toBe('');
  });
});

describe('sonde get -w', () => {
  /** Runs until `ending` aborts; the clock ticks only as the test says. */
  function watch(io: FakeIo, ...args: readonly string[]): Promise<unknown> {
    return run(io, ...args, '-w').then(
      () => 'returned',
      (error: unknown) => error,
    );
  }

  /** Until the watch sleeps for the nth time. */
  async function asleep(nth: number): Promise<void> {
    await expect.poll(() => clock.sleeps, { timeout: 10_000 }).toBe(nth);
  }

  /** Lets the watch look once more. */
  async function tick(): Promise<void> {
    const { sleeps } = clock;
    await clock.advance(1_000);
    await asleep(sleeps + 1);
  }

  it('adds a row for each change until it is interrupted', async () => {
    bench.board.take(appeared(web));
    const io = new FakeIo();
    const done = watch(io, 'instances');
    await asleep(1);
    bench.board.take(observed(web, { passed: 1, total: 1 }));
    await tick();
    bench.board.take(healthChanged(web, 'unknown', 'dead', { since: T0 }));
    await tick();
    bench.board.take(appeared(six));
    bench.board.take(departed(web));
    await tick();
    io.ending.abort(new Error('interrupted'));
    expect(await done).toEqual(new Error('interrupted'));
    expect(io.out.text).toBe(
      [
        'NAMESPACE   SERVICE    INSTANCE         HEALTH    RATE   REASON        SINCE',
        'prod        payments   10.2.4.17:8080   unknown   -      no-evidence   0s',
        'prod        payments   10.2.4.17:8080   dead      100%   connect-refused   2s',
        'prod        search-with-a-rather-long-name   [fd00::17]:80    unknown    -      no-evidence       3s',
        'prod        payments                         10.2.4.17:8080   departed   100%   connect-refused   3s',
        '',
      ].join('\n'),
    );
    expect(clock.pending).toBe(0);
  });

  it('tells lines of JSON', async () => {
    bench.board.take(appeared(web));
    const io = new FakeIo();
    const done = watch(io, 'instances', '-o', 'jsonl');
    await asleep(1);
    bench.board.take(healthChanged(web, 'unknown', 'dead'));
    await tick();
    bench.board.take(departed(web));
    await tick();
    io.ending.abort();
    await done;
    const lines = io.out.text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { type: 'ADDED', object: { id: 'f1', health: 'unknown' } },
      { type: 'MODIFIED', object: { id: 'f1', health: 'dead' } },
      { type: 'DELETED', object: { id: 'f1' } },
    ]);
  });

  it('tells events as they come', async () => {
    const io = new FakeIo();
    const done = watch(io, 'events');
    await asleep(1);
    expect(io.out.text).toBe('');
    bench.board.take({ kind: 'event', event: { kind: 'registry', subject: 'local', to: 'up' } });
    bench.board.take({ kind: 'event', event: { kind: 'registry', subject: 'local', to: 'down' } });
    await tick();
    io.ending.abort();
    await done;
    expect(io.out.text.split('\n').map((line) => line.split(/ {3,}/)[3])).toEqual([
      'CHANGE',
      'up',
      'down',
      undefined,
    ]);
  });

  it('sits out an outage, and tells of it once', async () => {
    const io = new FakeIo();
    const done = watch(io, 'instances');
    await asleep(1);
    const port = Number(new URL(server).port);
    await scope.disposeAsync();
    scope = new AsyncDisposableStack();
    await tick();
    await tick();
    const { api, log } = bench;
    bench.board.take(appeared(web));
    await serve({ door: 'main', address: { host: '127.0.0.1', port } }, { api, log, clock, scope });
    await tick();
    expect(io.out.text).toContain('payments');
    io.ending.abort();
    await done;
    expect(io.err.text.match(/trying again/g)).toHaveLength(1);
    expect(io.exitCode).toBeUndefined();
  });
});
