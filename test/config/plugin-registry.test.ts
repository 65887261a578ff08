import { describe, expect, it } from 'vitest';
import { guardedPlugin } from '../../src/config/plugin-registry.ts';
import type { Instance, InstanceId } from '../../src/core/instance.ts';
import type { Registry, RegistryPlugin } from '../../src/core/registry.ts';
import { listOnce, make, request } from '../contracts/registry.contract.ts';

const NEVER = new AbortController().signal;
const DEAD = { kind: 'health', health: 'dead', reason: 'slow', since: '2026-01-01T00:00:00.000Z' } as const;

/** As a plugin would: types are not looked at. */
function registry(parts: object | (() => never), scope: AsyncDisposableStack): Registry {
  const create = typeof parts === 'function' ? parts : (): Registry => parts as Registry;
  const options = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } };
  const plugin = { name: 'odd', summary: '', capabilities: { writes: true, incarnations: false } };
  return make(guardedPlugin({ ...plugin, options, create } as RegistryPlugin), {}, scope);
}

async function* telling(...told: unknown[]): AsyncGenerator<unknown> {
  yield* told;
}

const named = (code: string, message: string) => ({
  name: 'RegistryError',
  code,
  message: expect.stringContaining(message) as string,
});

describe('a registry of a plugin', () => {
  it('fills in what a plugin may leave out', async () => {
    await using scope = new AsyncDisposableStack();
    const entries = [{ key: 'a', host: 'h', port: 1 }];
    const odd = registry(
      { snapshots: () => telling({ kind: 'service', service: 'web', entries }, { kind: 'synced' }) },
      scope,
    );
    expect((await listOnce(odd)).get('web')?.get('a')).toEqual({
      key: 'a',
      incarnation: '',
      revision: '',
      host: 'h',
      port: 1,
      metadata: {},
      enabled: true,
      draining: false,
    });
    expect(odd.batchSize).toBe(1);
    expect(odd.write).toBeUndefined();
  });

  it.each([
    ['undefined', undefined],
    ['an unknown kind', { kind: 'other' }],
    ['a port of 0', { kind: 'service', service: 's', entries: [{ key: 'a', host: 'h', port: 0 }] }],
    [
      'two of one key',
      {
        kind: 'service',
        service: 's',
        entries: [
          { key: 'a', host: 'h', port: 1 },
          { key: 'a', host: 'i', port: 2 },
        ],
      },
    ],
  ])('fails for telling %s', async (_, told) => {
    await using scope = new AsyncDisposableStack();
    const odd = registry({ snapshots: () => telling(told) }, scope);
    await expect(listOnce(odd)).rejects.toMatchObject(named('protocol', 'registry reg: a snapshot: '));
  });

  it.each([
    ['anything', new TypeError('oops'), named('protocol', 'registry reg: oops')],
    ['a text', 'oops', named('protocol', 'registry reg: oops')],
    ['its own code', Object.assign(new Error('no'), { code: 'overloaded' }), named('overloaded', 'no')],
    ['a code of Node', Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), named('protocol', 'no')],
  ])('fails as a registry when it throws %s', async (_, thrown, expected) => {
    await using scope = new AsyncDisposableStack();
    const fail = (): never => {
      throw thrown as Error;
    };
    const odd = registry({ snapshots: fail, write: fail, batchSize: 10 }, scope);
    await expect(listOnce(odd)).rejects.toMatchObject(expected);
    await expect(odd.write?.([], NEVER)).rejects.toMatchObject(expected);
    await expect(listOnce(registry(fail, scope))).rejects.toMatchObject(expected);
  });

  it('believes only receipts that are some, of instances that were asked for', async () => {
    await using scope = new AsyncDisposableStack();
    const instance = { id: 'i' as InstanceId } as Instance;
    const answer = (receipts: unknown) =>
      registry({ batchSize: 10, write: () => Promise.resolve(receipts) }, scope).write?.(
        [request(instance, DEAD)],
        NEVER,
      );
    const other = { instance: 'other', kind: 'written' };
    expect(await answer([{ instance: 'i', kind: 'gone', detail: 'left' }, other])).toEqual([
      { instance: 'i', kind: 'gone', detail: 'left' },
    ]);
    await expect(answer(undefined)).rejects.toMatchObject(named('protocol', 'the receipts'));
    await expect(answer([{ instance: 'i', kind: 'fine' }])).rejects.toMatchObject(
      named('protocol', 'the receipts: 0.kind'),
    );
  });

  it('lets an abort pass as it is', async () => {
    await using scope = new AsyncDisposableStack();
    const stop = new AbortController();
    const reason = new Error('enough');
    const odd = registry(
      {
        snapshots: () => {
          stop.abort(reason);
          throw new Error('something else');
        },
      },
      scope,
    );
    const listing = async (): Promise<void> => {
      for await (const _ of odd.snapshots(stop.signal)) return;
    };
    await expect(listing()).rejects.toBe(reason);
  });
});
