import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliBench } from './cli-bench.ts';
import { LAID } from './world.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
});
afterEach(() => scope.disposeAsync());

/** What the server was told. */
function told(): unknown {
  return bench.server.asked.at(-1)?.body;
}

describe('sonde pause', () => {
  it('ends by itself, and says so', async () => {
    const { out } = await bench.run(['pause', 'shop/web-cart', '--reason', 'new disk', '--by', 'ana']);
    expect(out).toBe(
      'Paused shop/web-cart: 2 instances, until 01:00:00 UTC (1h; --for says how long).\nsonde resume 0000000000000000 lifts it.\n',
    );
    expect(told()).toEqual({
      kind: 'pause',
      selector: { namespace: 'shop', service: 'web-cart' },
      reason: 'new disk',
      by: 'ana',
      for: '1h',
    });
  });

  it.each([
    ['web-cart', { service: 'web-cart' }],
    ['web-*', { service: 'web-*' }],
    ['local/shop/*', { registry: 'local', namespace: 'shop', service: '*' }],
    ['10.2.4.17:8080', { instance: '10.2.4.17:8080' }],
    ['[fd00::1]:80', { instance: '[fd00::1]:80' }],
    ['a000000000000001', { instance: 'a000000000000001' }],
  ])('selects %s', async (text, selector) => {
    await bench.run(['pause', text, '--reason', 'x', '--for', '30m']);
    expect(told()).toMatchObject({ selector, for: '30m', by: expect.stringMatching(/.@./) as string });
  });

  it('says that it concerns nobody yet', async () => {
    const { out } = await bench.run(['pause', 'web-none', '--reason', 'x', '--for', '1h']);
    expect(out).toMatch(
      /^Paused web-none: 0 instances now; it holds for those that appear, until 01:00:00 UTC \(1h\)\./,
    );
  });

  it('only looks with --dry-run', async () => {
    const { code, out, err } = await bench.run(['pause', 'shop/web-*', '--reason', 'x', '--dry-run']);
    expect(code).toBe(0);
    expect(out.match(/web-cart/g)).toHaveLength(2);
    expect(out.match(/web-shop/g)).toHaveLength(2);
    expect(err).toBe('pause shop/web-* would concern 4 instances; nothing was done.\n');
    expect(bench.server.changes).toEqual([]);
    const one = await bench.run(['hold', '10.2.4.17:8080', '--reason', 'x', '--dry-run', '-o', 'json']);
    expect(JSON.parse(one.out)).toMatchObject([{ host: '10.2.4.17' }]);
  });
});

describe('sonde hold and release', () => {
  it.each([
    ['hold', 'Held'],
    ['release', 'Released'],
  ])('%s lasts until it is lifted, unless told otherwise', async (kind, done) => {
    const { out } = await bench.run([kind, 'web-cart', '--reason', 'x']);
    expect(out).toMatch(new RegExp(`^${done} web-cart: 2 instances, until it is lifted\\.\n`));
    expect(told()).not.toHaveProperty('for');
    const timed = await bench.run([kind, 'web-cart', '--reason', 'x', '--for', '1h']);
    expect(timed.out).toContain('until 01:00:00 UTC (1h).');
  });

  it('answers with the intervention in JSON', async () => {
    const { out } = await bench.run(['hold', 'web-cart', '--reason', 'x', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({
      id: '0000000000000000',
      kind: 'hold',
      instances: 2,
      until: null,
    });
  });
});

describe('sonde resume', () => {
  beforeEach(() => {
    bench.world.interventions = [
      LAID,
      { ...LAID, id: 'b000000000000002', kind: 'hold', selector: { service: 'web-cart' } },
      { ...LAID, id: 'b000000000000003', selector: { instance: '10.2.4.17:8080' } },
      { ...LAID, id: 'b000000000000004', selector: { namespace: 'shop', service: 'web-cart' } },
    ];
  });

  it.each([
    ['web-cart', ['b000000000000002', 'b000000000000004']],
    ['shop/web-*', ['b000000000000001', 'b000000000000004']],
    ['*', ['b000000000000001', 'b000000000000002', 'b000000000000004']],
    ['10.2.4.17:8080', ['b000000000000003']],
    ['b000000000000001', ['b000000000000001']],
  ])('%s lifts what it covers, and nothing wider', async (text, ids) => {
    const { code, out } = await bench.run(['resume', text]);
    expect(code).toBe(0);
    expect(bench.server.changes).toEqual(ids.map((id) => `DELETE /v1/interventions/${id}`));
    expect(out.trim().split('\n')).toHaveLength(ids.length);
  });

  it('says what it lifted', async () => {
    expect((await bench.run(['resume', 'web-cart'])).out).toBe(
      'Lifted the hold of web-cart.\nLifted the pause of shop/web-cart.\n',
    );
    expect(JSON.parse((await bench.run(['resume', '10.2.4.17:8080', '-o', 'json'])).out)).toMatchObject([
      { id: 'b000000000000003' },
    ]);
  });

  it('lifts nothing that it does not cover', async () => {
    expect(await bench.run(['resume', 'web-shop'])).toMatchObject({
      code: 1,
      err: 'sonde: nothing is laid upon web-shop (sonde get interventions)\n',
    });
    expect(bench.server.changes).toEqual([]);
  });

  it('does not mind that somebody else was faster', async () => {
    bench.server.before = ({ method }) => {
      if (method === 'DELETE') bench.world.interventions = [];
    };
    expect((await bench.run(['resume', 'web-cart'])).code).toBe(0);
  });
});

describe('sonde guard', () => {
  it('holds a whole registry', async () => {
    const { out } = await bench.run([
      'guard',
      'hold',
      'local',
      '--reason',
      'x',
      '--for',
      '1h',
      '--by',
      'ana',
    ]);
    expect(out).toBe(
      'Held registry local: 4 instances, until 01:00:00 UTC.\nsonde resume 0000000000000000 lifts it.\n',
    );
    expect(told()).toEqual({
      kind: 'hold',
      selector: { registry: 'local' },
      reason: 'x',
      by: 'ana',
      for: '1h',
    });
  });

  it('lets through what is held back', async () => {
    const { out } = await bench.run(['guard', 'release', 'local', '--reason', 'x']);
    expect(out).toBe('The guard of registry local lets through what it held back.\n');
    expect(bench.server.changes).toEqual(['POST /v1/registries/local/release-guard']);
  });
});
