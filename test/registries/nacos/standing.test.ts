import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WriteRequest } from '../../../src/core/registry.ts';
import type { Host } from '../../../src/registries/nacos/api.ts';
import { readPages } from '../../../src/registries/nacos/pages.ts';
import { announcement, decide, standingIn, type Target } from '../../../src/registries/nacos/standing.ts';

const OPTIONS = {
  weight: { subHealthy: 0.3, dead: 1 },
  persistentDead: 'unhealthy',
  markKey: 'sonde',
} as const;
const HOST: Host = {
  cluster: 'DEFAULT',
  ip: '10.0.0.1',
  port: 80,
  weight: 1,
  enabled: true,
  healthy: true,
  ephemeral: true,
  metadata: {},
};

const desiredOf = (health: 'healthy' | 'sub-healthy' | 'dead'): WriteRequest['desired'] => ({
  kind: 'health',
  health,
  reason: health,
  since: '2026-01-01T00:00:00.000Z',
});
const ask = (desired: WriteRequest['desired'], host: Host) =>
  decide({ desired, writer: 'sonde', force: false }, host, OPTIONS);

const valuesOf = (host: Host, { weight, enabled, healthy }: Target): Host => ({
  ...host,
  weight,
  enabled,
  healthy: healthy ?? host.healthy,
});
const markedWith = (host: Host, text: string | undefined): Host => {
  const { sonde: _, ...metadata } = host.metadata;
  return { ...host, metadata: text === undefined ? metadata : { ...metadata, sonde: text } };
};
const sealed = ({ record }: Target): string | undefined =>
  record === undefined ? undefined : JSON.stringify(record);

const host = fc.record({
  weight: fc.integer({ min: 0, max: 10_000 }).map((n) => n / 100),
  enabled: fc.boolean(),
  ephemeral: fc.boolean(),
});
const desired = fc.oneof(
  fc.constantFrom('healthy', 'sub-healthy', 'dead').map((health) => desiredOf(health as 'dead')),
  fc.constant<WriteRequest['desired']>({ kind: 'release' }),
);

describe('what stands in Nacos', () => {
  it('comes back to what the provider registered, wherever writes were cut off', () => {
    fc.assert(
      fc.property(host, fc.array(fc.tuple(desired, fc.nat(3)), { maxLength: 12 }), (given, writes) => {
        const registered: Host = { ...HOST, ...given };
        let now = registered;
        let n = 0;
        for (const [wanted, cut] of writes) {
          const decision = ask(wanted, now);
          if (decision.kind !== 'store') {
            // Whatever was cut off before, it never looks like somebody else's.
            expect(decision).not.toMatchObject({ receipt: 'contested' });
            continue;
          }
          const { target } = decision;
          const { before } = standingIn(now, 'sonde');
          if (cut > 0)
            now = markedWith(now, announcement(target, before, String(n++), now, { writer: 'sonde' }));
          if (cut > 1) now = valuesOf(now, target);
          if (cut > 2) now = markedWith(now, sealed(target));
        }
        const last = ask({ kind: 'release' }, now);
        if (last.kind === 'store') now = markedWith(valuesOf(now, last.target), sealed(last.target));
        const { healthy: _, ...ends } = now;
        const { healthy: __, ...was } = markedWith(registered, undefined);
        expect(ends).toEqual(was);
      }),
    );
  });

  it('is contested once somebody changes what sonde changed, also during an announcement', () => {
    const dead = ask(desiredOf('dead'), HOST);
    if (dead.kind !== 'store') throw new Error('nothing to store');
    const stands = markedWith(valuesOf(HOST, dead.target), sealed(dead.target));
    expect(ask(desiredOf('healthy'), { ...stands, enabled: true })).toMatchObject({ receipt: 'contested' });
    // The weight was not scaled: it is the provider's and the operator's.
    expect(ask(desiredOf('healthy'), { ...stands, weight: 7 })).toMatchObject({ target: { weight: 7 } });
    const announced = announcement(dead.target, undefined, 'n', HOST, { writer: 'sonde' });
    expect(standingIn(markedWith({ ...HOST, weight: 3 }, announced), 'sonde')).toMatchObject({
      mark: { health: 'healthy', intact: true },
      own: { weight: 3, enabled: true },
    });
  });

  it('is sealed by the next write when that was cut off, so that it can be contested again', () => {
    const dead = ask(desiredOf('dead'), HOST);
    if (dead.kind !== 'store') throw new Error('nothing to store');
    const announced = announcement(dead.target, undefined, 'n', HOST, { writer: 'sonde' });
    const stands = markedWith(valuesOf(HOST, dead.target), announced);
    expect(standingIn(stands, 'sonde').unsealed).toBe(true);
    expect(ask(desiredOf('dead'), stands)).toEqual(dead);
  });

  it('is known for what it is when a write that was given up is carried out late', () => {
    const dead = ask(desiredOf('dead'), HOST);
    if (dead.kind !== 'store') throw new Error('nothing to store');
    const announced = markedWith(HOST, announcement(dead.target, undefined, 'n', HOST, { writer: 'sonde' }));
    const sub = ask(desiredOf('sub-healthy'), announced);
    if (sub.kind !== 'store') throw new Error('nothing to store');
    const { before } = standingIn(announced, 'sonde');
    const again = announcement(sub.target, before, 'm', announced, { writer: 'sonde' });
    // The values of the first announcement come now; nobody but sonde has disabled it.
    const late = markedWith(valuesOf(HOST, dead.target), again);
    expect(standingIn(late, 'sonde')).toMatchObject({
      own: { enabled: true },
      mark: { health: 'dead', intact: true },
    });
    expect(ask(desiredOf('sub-healthy'), late)).toMatchObject({ target: { enabled: true, weight: 0.3 } });
  });

  it('scales sub-healthy from the original weight: 5 becomes 1.5, and dead is at 5 again', () => {
    const sub = ask(desiredOf('sub-healthy'), { ...HOST, weight: 5 });
    expect(sub).toMatchObject({ target: { weight: 1.5, enabled: true } });
    if (sub.kind !== 'store') throw new Error('nothing to store');
    const stands = markedWith(valuesOf(HOST, sub.target), sealed(sub.target));
    expect(ask(desiredOf('dead'), stands)).toMatchObject({ target: { weight: 5, enabled: false } });
  });
});

describe('pages without an order', () => {
  const read = (pages: readonly (readonly string[])[], total: number, first: number) =>
    readPages({
      first,
      size: 2,
      read: (page) => Promise.resolve({ items: pages[page] ?? [], total: undefined }),
      count: () => Promise.resolve(total),
      keyOf: (item) => item,
      what: 'a listing',
    });

  it('are read whole whether they are counted from 0 or, with 0 as another name of it, from 1', async () => {
    expect(await read([['a', 'b'], ['c']], 3, 0)).toEqual(['a', 'b', 'c']);
    expect(await read([['a', 'b'], ['a', 'b'], ['c']], 3, 0)).toEqual(['a', 'b', 'c']);
    expect(await read([], 0, 0)).toEqual([]);
  });

  it('are a failure, and no smaller registry, when one of them keeps missing', async () => {
    await expect(read([['a', 'b'], ['a']], 3, 0)).rejects.toMatchObject({ code: 'conflict' });
  });
});
