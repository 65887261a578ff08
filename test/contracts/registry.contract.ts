/** What every registry must do, built in or from a plugin, against the real thing. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Entry, Instance } from '../../src/core/instance.ts';
import type {
  Receipt,
  Registry,
  RegistryDeps,
  RegistryPlugin,
  WriteRequest,
} from '../../src/core/registry.ts';
import { RegistryError } from '../../src/core/registry.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { instanceId } from '../../src/pipeline/roster.ts';
import { QuietLog } from '../support/quiet-log.ts';

export interface Fields {
  readonly weight?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly enabled?: boolean;
}

/** How a test acts on the real registry, past sonde. */
export interface Harness {
  /** Options as in the configuration. */
  readonly options: object;
  /** Registers or changes a provider; `host:port` is its key. */
  put(service: string, key: string, fields?: Fields): Promise<void>;
  remove(service: string, key: string): Promise<void>;
  /** Takes the registry away and brings it back with what it had. */
  outage(): Promise<void>;
  recover(): Promise<void>;
  /** Everything that sonde may have written, as bytes. */
  bytes(): Promise<string>;
  /** Somebody edits what sonde wrote. */
  edit(
    service: string,
    key: string,
    change: { readonly health?: string; readonly weight?: number },
  ): Promise<void>;
  /** The weight that consumers see. */
  weight(service: string, key: string): Promise<number | undefined>;
}

type RegistryTest = 'weight' | 'own-update' | 'write' | 'new-life' | 'enabled' | 'metadata';

export interface RegistryContract {
  readonly name: string;
  readonly plugin: RegistryPlugin;
  readonly start: (scope: AsyncDisposableStack) => Promise<Harness>;
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly RegistryTest[] }[];
  /** For the longest of the tests, milliseconds; where a write takes its time. */
  readonly timeout?: number;
}

const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const SUB = { ...DEAD, health: 'sub-healthy', reason: 'slow' } as const;
const HEALTHY = { ...DEAD, health: 'healthy', reason: 'recovered' } as const;
const RELEASE = { kind: 'release' } as const;
const NEVER = new AbortController().signal;
const PATIENCE = { timeout: 15_000, interval: 50 };

export function describeRegistry({ name, plugin, start, skip = [], timeout }: RegistryContract): void {
  const reasonNot = (test: RegistryTest): string | undefined =>
    skip.find(({ tests }) => tests.includes(test))?.reason;
  const optional = (test: RegistryTest, title: string, run: () => Promise<void>): void => {
    const reason = reasonNot(test);
    if (reason === undefined) it(title, run, timeout);
    else it.skip(`${title} (${reason})`, run);
  };

  describe(`the contract of registries: ${name}`, () => {
    let scope: AsyncDisposableStack;
    let harness: Harness;
    let registry: Registry;

    beforeEach(async () => {
      scope = new AsyncDisposableStack();
      harness = await start(scope);
      registry = make(plugin, harness.options, scope);
    });
    afterEach(async () => {
      await scope.disposeAsync();
    });

    const follow = (): Follower => {
      const follower = new Follower(registry);
      scope.defer(() => follower.stop());
      return follower;
    };
    const write = (...requests: WriteRequest[]): Promise<readonly Receipt[]> =>
      registry.write?.(requests, NEVER) ?? Promise.resolve([]);
    const one = async (request: WriteRequest): Promise<Receipt['kind'] | undefined> =>
      (await write(request))[0]?.kind;

    it('tells who is there, then that this is all', async () => {
      await harness.put('web', '10.0.0.1:80', { metadata: { zone: 'a' } });
      await harness.put('web', '10.0.0.2:80');
      await harness.put('db', '10.0.0.3:5432');
      const services = await listOnce(registry);
      expect([...services.keys()].sort()).toEqual(['db', 'web']);
      expect(services.get('web')?.get('10.0.0.1:80')).toMatchObject({
        host: '10.0.0.1',
        port: 80,
        enabled: true,
        draining: false,
        metadata: reasonNot('metadata') === undefined ? { zone: 'a' } : {},
      });
      expect(services.get('web')?.get('10.0.0.2:80')).toMatchObject({ enabled: true });
    });

    optional('enabled', 'tells who was taken out of service by others', async () => {
      await harness.put('web', '10.0.0.1:80', { enabled: false });
      expect((await listOnce(registry)).get('web')?.get('10.0.0.1:80')?.enabled).toBe(false);
    });

    it('tells of an empty registry that it is empty', async () => {
      expect((await listOnce(registry)).size).toBe(0);
      await harness.put('web', '10.0.0.1:80');
      expect((await listOnce(registry)).size).toBe(1);
      await harness.remove('web', '10.0.0.1:80');
      expect((await listOnce(registry)).get('web')?.size ?? 0).toBe(0);
    });

    it('confirms every 10 s that what it told is the present', async () => {
      await harness.put('web', '10.0.0.1:80');
      const follower = follow();
      await follower.until((services) => services.size === 1);
      const before = follower.confirmations;
      await expect.poll(() => follower.confirmations, { timeout: 10_000 }).toBeGreaterThan(before);
    });

    it('tells joins, changes and leaves', async () => {
      await harness.put('web', '10.0.0.1:80');
      const follower = follow();
      await follower.until((services) => services.get('web')?.size === 1);
      await harness.put('web', '10.0.0.2:80');
      await follower.until((services) => services.get('web')?.size === 2);
      if (reasonNot('metadata') === undefined) {
        await harness.put('web', '10.0.0.2:80', { metadata: { v: '2' } });
        await follower.until((services) => services.get('web')?.get('10.0.0.2:80')?.metadata.v === '2');
      }
      await harness.put('db', '10.0.0.3:80');
      await follower.until((services) => services.has('db'));
      await harness.remove('web', '10.0.0.1:80');
      await follower.until((services) => services.get('web')?.size === 1);
      await harness.remove('db', '10.0.0.3:80');
      await follower.until((services) => (services.get('db')?.size ?? 0) === 0);
    });

    it('fails in an outage instead of telling an empty registry, and lists again afterwards', async () => {
      await harness.put('web', '10.0.0.1:80');
      const follower = follow();
      await follower.until((services) => services.get('web')?.size === 1);
      await harness.outage();
      await expect.poll(() => follower.error, PATIENCE).toBeInstanceOf(RegistryError);
      expect(follower.services.get('web')?.size).toBe(1);
      await expect(listOnce(registry)).rejects.toBeInstanceOf(RegistryError);
      await harness.recover();
      const again = follow();
      await again.until((services) => services.get('web')?.size === 1);
    });

    it('gives the same instance the same identity, in another process too', async () => {
      await harness.put('web', '10.0.0.1:80');
      const first = await listed(registry, 'web', '10.0.0.1:80');
      await harness.put('web', '10.0.0.1:80', { metadata: { changed: 'yes' } });
      const other = make(plugin, harness.options, scope);
      const entry = (await listOnce(other)).get('web')?.get('10.0.0.1:80');
      expect(entry === undefined ? '' : instanceOf('web', entry).id).toBe(first.id);
    });

    optional('new-life', 'takes a provider that registered anew for another instance', async () => {
      await harness.put('web', '10.0.0.1:80');
      const first = await listed(registry, 'web', '10.0.0.1:80');
      await harness.remove('web', '10.0.0.1:80');
      await harness.put('web', '10.0.0.1:80');
      const second = await listed(registry, 'web', '10.0.0.1:80');
      expect(second.id).not.toBe(first.id);
      expect(await one(request(first, DEAD))).toBe('gone');
    });

    it('ends at once when aborted, and leaves nothing open', async () => {
      await harness.put('web', '10.0.0.1:80');
      const before = openResources();
      await using own = new AsyncDisposableStack();
      const follower = new Follower(make(plugin, harness.options, own));
      await follower.until((services) => services.size === 1);
      const started = performance.now();
      await follower.stop();
      // 100 ms, and what a busy machine adds.
      expect(performance.now() - started).toBeLessThan(500);
      expect(follower.error).toBe(follower.reason);
      await own.disposeAsync();
      await expect.poll(() => openResources().length, PATIENCE).toBeLessThanOrEqual(before.length);
    });

    it('ends at once when it was aborted before', async () => {
      const reason = new Error('too late');
      const listing = async (): Promise<void> => {
        for await (const _ of registry.snapshots(AbortSignal.abort(reason))) return;
      };
      await expect(listing()).rejects.toBe(reason);
    });

    optional('write', 'writes health with a mark, once', async () => {
      await harness.put('web', '10.0.0.1:80');
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      expect(await one(request(instance, DEAD))).toBe('written');
      const { mark } = await listed(registry, 'web', '10.0.0.1:80');
      expect(mark).toMatchObject({ ...without(DEAD), writer: 'sonde', version: 1, intact: true });
      const bytes = await harness.bytes();
      expect(await one(request(instance, { ...DEAD, since: '2027-01-01T00:00:00.000Z' }))).toBe('unchanged');
      expect(await harness.bytes()).toBe(bytes);
      expect(await one(request(instance, SUB))).toBe('written');
      expect((await listed(registry, 'web', '10.0.0.1:80')).mark).toMatchObject({
        health: 'sub-healthy',
        reason: 'slow',
      });
    });

    optional('write', 'tells a follower of the mark', async () => {
      await harness.put('web', '10.0.0.1:80');
      const follower = follow();
      await follower.until((services) => services.get('web')?.size === 1);
      await write(request(await listed(registry, 'web', '10.0.0.1:80'), DEAD));
      await follower.until((services) => services.get('web')?.get('10.0.0.1:80')?.mark?.health === 'dead');
    });

    optional('write', 'says gone of an instance that has left, and brings nothing back', async () => {
      await harness.put('web', '10.0.0.1:80');
      await harness.put('web', '10.0.0.2:80');
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      await harness.remove('web', '10.0.0.1:80');
      expect(await one(request(instance, DEAD))).toBe('gone');
      expect((await listOnce(registry)).get('web')?.has('10.0.0.1:80')).toBe(false);
    });

    optional('write', 'answers each of a batch for itself', async () => {
      for (const last of [1, 2, 3, 4]) await harness.put('web', `10.0.0.${last}:80`);
      const instances = await Promise.all(
        [1, 2, 3, 4].map((last) => listed(registry, 'web', `10.0.0.${last}:80`)),
      );
      const [a, b, c, d] = instances as [Instance, Instance, Instance, Instance];
      await write(request(b, DEAD), request(c, DEAD));
      await harness.edit('web', '10.0.0.3:80', { health: 'healthy' });
      await harness.remove('web', '10.0.0.4:80');
      const receipts = await write(request(a, DEAD), request(b, DEAD), request(c, SUB), request(d, DEAD));
      const kinds = new Map(receipts.map(({ instance, kind }) => [instance, kind]));
      expect(instances.map(({ id }) => kinds.get(id))).toEqual(['written', 'unchanged', 'contested', 'gone']);
    });

    optional(
      'write',
      'leaves an edited value alone until told otherwise, and after a restart too',
      async () => {
        await harness.put('web', '10.0.0.1:80');
        const instance = await listed(registry, 'web', '10.0.0.1:80');
        await write(request(instance, DEAD));
        await harness.edit('web', '10.0.0.1:80', { health: 'healthy' });
        const bytes = await harness.bytes();
        expect((await listed(registry, 'web', '10.0.0.1:80')).mark).toMatchObject({
          health: 'healthy',
          intact: false,
        });
        registry = make(plugin, harness.options, scope);
        expect(await one(request(instance, SUB))).toBe('contested');
        expect(await one(request(instance, RELEASE))).toBe('contested');
        expect(await harness.bytes()).toBe(bytes);
        expect(await one({ ...request(instance, SUB), force: true })).toBe('written');
        expect((await listed(registry, 'web', '10.0.0.1:80')).mark).toMatchObject({
          health: 'sub-healthy',
          intact: true,
        });
      },
    );

    optional('write', 'leaves another writer alone', async () => {
      await harness.put('web', '10.0.0.1:80');
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      await write({ ...request(instance, DEAD), writer: 'other' });
      expect(await one(request(instance, HEALTHY))).toBe('contested');
      expect((await listed(registry, 'web', '10.0.0.1:80')).mark).toMatchObject({
        writer: 'other',
        health: 'dead',
        intact: true,
      });
    });

    optional('write', 'releases without a trace', async () => {
      await harness.put('web', '10.0.0.1:80', { weight: 100, metadata: { a: 'b' } });
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      const before = (await listed(registry, 'web', '10.0.0.1:80')) as Partial<Instance>;
      await write(request(instance, DEAD));
      expect(await one(request(instance, RELEASE))).toBe('written');
      expect(await one(request(instance, RELEASE))).toBe('unchanged');
      const { revision: _a, ...after } = await listed(registry, 'web', '10.0.0.1:80');
      const { revision: _b, ...was } = before;
      expect(after).toEqual(was);
    });

    optional('weight', 'scales a weight from the original, never twice, and restores it', async () => {
      registry = make(plugin, { ...harness.options, weight: { subHealthy: '30%', dead: 0 } }, scope);
      await harness.put('web', '10.0.0.1:80', { weight: 100 });
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      await write(request(instance, SUB));
      expect(await harness.weight('web', '10.0.0.1:80')).toBe(30);
      await write(request(instance, { ...SUB, reason: 'low-success-rate' }));
      expect(await harness.weight('web', '10.0.0.1:80')).toBe(30);
      await write(request(instance, DEAD));
      expect(await harness.weight('web', '10.0.0.1:80')).toBe(0);
      await write(request(instance, HEALTHY));
      expect(await harness.weight('web', '10.0.0.1:80')).toBe(100);
      await write(request(instance, SUB));
      await write(request(instance, RELEASE));
      expect(await harness.weight('web', '10.0.0.1:80')).toBe(100);
      await write(request(instance, SUB));
      await harness.edit('web', '10.0.0.1:80', { weight: 55 });
      expect(await one(request(instance, DEAD))).toBe('contested');
      expect(await harness.weight('web', '10.0.0.1:80')).toBe(55);
    });

    optional('own-update', 'never overwrites what a provider changes meanwhile', async () => {
      await harness.put('web', '10.0.0.1:80', { metadata: { n: '0' } });
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      for (let n = 1; n <= 20; n++) {
        // The provider registers anew and wipes out the mark, while sonde writes from an old listing.
        const [, kind] = await Promise.all([
          harness.put('web', '10.0.0.1:80', { metadata: { n: String(n) } }),
          one(request(instance, n % 2 ? DEAD : SUB)),
        ]);
        expect(['written', 'unchanged']).toContain(kind);
        expect((await listed(registry, 'web', '10.0.0.1:80')).metadata.n).toBe(String(n));
      }
    });

    optional('write', 'throws in an outage', async () => {
      await harness.put('web', '10.0.0.1:80');
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      await harness.outage();
      await expect(write(request(instance, DEAD))).rejects.toBeInstanceOf(RegistryError);
      await harness.recover();
      await expect.poll(() => one(request(instance, DEAD)).catch(String), PATIENCE).toBe('written');
    });

    optional('write', 'writes nothing when it was aborted before', async () => {
      await harness.put('web', '10.0.0.1:80');
      const instance = await listed(registry, 'web', '10.0.0.1:80');
      const reason = new Error('too late');
      await expect(registry.write?.([request(instance, DEAD)], AbortSignal.abort(reason))).rejects.toBe(
        reason,
      );
      expect((await listed(registry, 'web', '10.0.0.1:80')).mark).toBeUndefined();
    });
  });
}

export function make(
  plugin: RegistryPlugin,
  options: object,
  scope: AsyncDisposableStack,
  deps: Partial<RegistryDeps> = {},
): Registry {
  const result = plugin.options['~standard'].validate(options);
  if (result instanceof Promise || result.issues !== undefined) throw new Error(JSON.stringify(result));
  return plugin.create(result.value, {
    name: 'reg',
    clock: systemClock,
    log: new QuietLog(),
    scope,
    baseDir: process.cwd(),
    ...deps,
  });
}

export function request(instance: Instance, desired: WriteRequest['desired']): WriteRequest {
  return { instance, desired, writer: 'sonde', force: false };
}

type Services = ReadonlyMap<string, ReadonlyMap<string, Entry>>;

/** Follows a registry in the background, as discover does. */
export class Follower {
  readonly #services = new Map<string, ReadonlyMap<string, Entry>>();
  readonly #stop = new AbortController();
  readonly reason = new Error('the test is over');
  readonly #done: Promise<void>;
  error: unknown;

  constructor(registry: Registry) {
    this.#done = this.#follow(registry);
  }

  get services(): Services {
    return this.#services;
  }

  /** How often it said that this is all. */
  confirmations = 0;

  async until(holds: (services: Services) => boolean): Promise<void> {
    await expect
      .poll(() => (this.error === undefined ? holds(this.#services) : this.error), PATIENCE)
      .toBe(true);
  }

  async stop(): Promise<void> {
    this.#stop.abort(this.reason);
    await this.#done;
  }

  async #follow(registry: Registry): Promise<void> {
    try {
      for await (const snapshot of registry.snapshots(this.#stop.signal)) {
        if (snapshot.kind === 'synced') this.confirmations++;
        else take(this.#services, snapshot);
      }
    } catch (error) {
      this.error = error;
    }
  }
}

/** One whole listing. */
export async function listOnce(registry: Registry): Promise<Services> {
  const services = new Map<string, ReadonlyMap<string, Entry>>();
  const stop = new AbortController();
  for await (const snapshot of registry.snapshots(stop.signal)) {
    if (snapshot.kind === 'synced') break;
    take(services, snapshot);
  }
  stop.abort(new Error('listed'));
  return services;
}

/** The instance as a fresh listing tells it. */
export async function listed(registry: Registry, service: string, key: string): Promise<Instance> {
  const entry = (await listOnce(registry)).get(service)?.get(key);
  if (entry === undefined) throw new Error(`${service} ${key} is not listed`);
  return instanceOf(service, entry);
}

function take(services: Map<string, ReadonlyMap<string, Entry>>, snapshot: Snapshot): void {
  if (snapshot.kind === 'gone') services.delete(snapshot.service);
  if (snapshot.kind === 'service')
    services.set(snapshot.service, new Map(snapshot.entries.map((entry) => [nameOf(entry), entry])));
}

/** Where the registry's own id is more than host:port it ends with it. */
function nameOf({ key, host, port }: Entry): string {
  const short = `${host}:${port}`;
  return key.endsWith(`/${short}`) ? short : key;
}

export function instanceOf(service: string, entry: Entry): Instance {
  const name = { namespace: 'default', service };
  return { ...entry, ...name, registry: 'reg', id: instanceId('reg', name, entry) };
}

/** Sockets and watches of this process. */
function openResources(): readonly string[] {
  const ours = ['FSReqCallback', 'FSReqPromise', 'TCPSocketWrap', 'TLSWrap', 'FSEventWrap', 'StatWatcher'];
  return process
    .getActiveResourcesInfo()
    .filter((kind) => ours.includes(kind))
    .sort();
}

function without({ health, reason, since }: typeof DEAD) {
  return { health, reason, since };
}
