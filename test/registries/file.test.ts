import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { WriteRequest } from '../../src/core/registry.ts';
import { ProvidersError, parseProviders } from '../../src/registries/file/providers.ts';
import { fileRegistry } from '../../src/registries/file/registry.ts';
import {
  describeRegistry,
  type Fields,
  Follower,
  type Harness,
  listed,
  listOnce,
  make,
  request,
} from '../contracts/registry.contract.ts';
import { QuietLog } from '../support/quiet-log.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A file registry in a folder of its own. */
function harnessIn(folder: string): Harness {
  const path = join(folder, 'providers.yaml');
  const status = join(folder, 'providers.status.json');
  const services = new Map<string, Map<string, Fields>>();
  const save = (): void => {
    const text = JSON.stringify({
      services: [...services].map(([name, instances]) => ({
        name,
        instances: [...instances].map(([key, fields]) => {
          const [host = '', port = '0'] = key.split(':');
          return { host, port: Number(port), ...fields };
        }),
      })),
    });
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const read = () =>
    JSON.parse(readFileSync(status, 'utf8')) as { instances: Record<string, Record<string, unknown>> };
  save();
  return {
    options: { path, poll: '20ms' },
    put(service, key, fields = {}) {
      const instances = services.get(service) ?? new Map<string, Fields>();
      services.set(service, instances.set(key, fields));
      save();
      return Promise.resolve();
    },
    remove(service, key) {
      services.get(service)?.delete(key);
      if (services.get(service)?.size === 0) services.delete(service);
      save();
      return Promise.resolve();
    },
    outage: () => rename(folder, `${folder}.away`),
    recover: () => rename(`${folder}.away`, folder),
    bytes: () => Promise.resolve(readFileSync(status, 'utf8')),
    edit(service, key, change) {
      const file = read();
      Object.assign(file.instances[`default/${service}/${key}`] ?? {}, change);
      writeFileSync(status, JSON.stringify(file));
      return Promise.resolve();
    },
    weight(service, key) {
      const own = services.get(service)?.get(key)?.weight;
      const scaled = read().instances[`default/${service}/${key}`]?.weight;
      return Promise.resolve(typeof scaled === 'number' ? scaled : own);
    },
  };
}

const NEVER = new AbortController().signal;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;

const folders = new DisposableStack();
afterAll(() => folders.dispose());
const folder = (): string => tempDir(folders);

describeRegistry({
  name: 'file',
  plugin: fileRegistry,
  start: () => Promise.resolve(harnessIn(folder())),
  skip: [
    { reason: 'a file knows no lives: an address that comes back is the same instance', tests: ['new-life'] },
    { reason: 'providers and marks are in two files: neither writes over the other', tests: ['own-update'] },
  ],
});

describe('file', () => {
  it('follows a ConfigMap, which is swapped by a symlink above the file', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const version = (name: string, port: number): void => {
      mkdirSync(join(dir, name));
      writeFileSync(
        join(dir, name, 'providers.yaml'),
        `services: [{ name: web, instances: [{ host: a, port: ${port} }] }]`,
      );
      symlinkSync(name, join(dir, '..data.new'));
      renameSync(join(dir, '..data.new'), join(dir, '..data'));
    };
    version('..1', 1);
    symlinkSync('..data/providers.yaml', join(dir, 'providers.yaml'));
    const registry = make(fileRegistry, { path: join(dir, 'providers.yaml'), poll: '20ms' }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('web')?.has('a:1') === true);
    version('..2', 2);
    await follower.until(
      (services) => services.get('web')?.has('a:2') === true && services.get('web')?.size === 1,
    );
  });

  it('does not believe half of a file that is just being written, though it is valid', async () => {
    await using scope = new AsyncDisposableStack();
    const path = join(folder(), 'providers.yaml');
    const instance = (port: number): string => `      - { host: a, port: ${port} }\n`;
    const text = `services:\n  - name: web\n    instances:\n${instance(1)}${instance(2)}`;
    writeFileSync(path, text);
    let writing = '';
    // Whoever writes gets on whenever sonde waits.
    const clock: Clock = {
      ...systemClock,
      sleep: async () => {
        if (writing === text) return;
        writing = text.slice(0, writing.length + 10);
        writeFileSync(path, writing);
      },
    };
    const listings: number[] = [];
    const registry = make(fileRegistry, { path }, scope, { clock });
    for await (const snapshot of registry.snapshots(NEVER)) {
      if (snapshot.kind === 'service') listings.push(snapshot.entries.length);
      if (snapshot.kind === 'synced' && writing === text) break;
    }
    expect(listings).toEqual([2]);
  });

  it('scales anew from the weight that a provider gives itself', async () => {
    await using scope = new AsyncDisposableStack();
    const harness = harnessIn(folder());
    const registry = make(fileRegistry, { ...harness.options, weight: { subHealthy: '30%' } }, scope);
    await harness.put('web', 'a:1', { weight: 100 });
    const write = async (desired: WriteRequest['desired']) =>
      (await registry.write?.([request(await listed(registry, 'web', 'a:1'), desired)], NEVER))?.[0]?.kind;
    const sub = { ...DEAD, health: 'sub-healthy' } as const;
    expect(await write(sub)).toBe('written');
    expect((await listed(registry, 'web', 'a:1')).mark).toMatchObject({ intact: true });
    await harness.put('web', 'a:1', { weight: 200 });
    // What was made of the old weight says nothing any more: it is written again.
    expect((await listed(registry, 'web', 'a:1')).mark).toBeUndefined();
    expect(await write(sub)).toBe('written');
    expect(await harness.weight('web', 'a:1')).toBe(60);
    expect(await write({ kind: 'release' })).toBe('written');
    expect(await harness.weight('web', 'a:1')).toBe(200);
  });

  it('leaves no temporary file where the status file cannot be replaced', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const harness = harnessIn(dir);
    await harness.put('web', 'a:1');
    const registry = make(
      fileRegistry,
      { ...harness.options, statusPath: join(dir, 'no', 'such.json') },
      scope,
    );
    const instance = await listed(registry, 'web', 'a:1');
    await expect(registry.write?.([request(instance, DEAD)], NEVER)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('cannot write') as string,
    });
    mkdirSync(join(dir, 'no', 'such.json'), { recursive: true });
    await expect(registry.write?.([request(instance, DEAD)], NEVER)).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(readdirSync(join(dir, 'no'))).toEqual(['such.json']);
  });

  it('says once that a status file is corrupt', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const harness = harnessIn(dir);
    await harness.put('web', 'a:1');
    writeFileSync(join(dir, 'providers.status.json'), '{ "version": 2 }');
    const log = new QuietLog();
    const registry = make(fileRegistry, harness.options, scope, { log });
    for (let i = 0; i < 3; i++) expect((await listOnce(registry)).size).toBe(1);
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn The status file is corrupt: its marks are ignored, a write sets it aside',
    ]);
  });

  it.each([{ poll: '11s' }, { poll: '0s' }, { poll: 1 }, { pth: 'x' }, { path: '' }])(
    'refuses the options %j',
    (given) => {
      const result = fileRegistry.options['~standard'].validate({ path: 'p', ...given });
      expect(result).toHaveProperty('issues.0');
    },
  );

  it('keeps the format of the status file', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const harness = harnessIn(dir);
    await harness.put('web', '10.0.0.1:80');
    const registry = make(fileRegistry, harness.options, scope);
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    writeFileSync(
      join(dir, 'providers.status.json'),
      JSON.stringify({ version: 1, writer: '', mine: 'kept', instances: { 'default/gone/x:1': {} } }),
    );
    await registry.write?.([request(instance, DEAD)], NEVER);
    expect(JSON.parse(await harness.bytes())).toEqual({
      version: 1,
      writer: 'sonde',
      mine: 'kept',
      instances: {
        'default/web/10.0.0.1:80': {
          health: 'dead',
          reason: 'connect-refused',
          since: '2026-01-01T00:00:00.000Z',
          writer: 'sonde',
          version: 1,
          original: {},
          seal: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
        },
      },
    });
    expect(readdirSync(dir).sort()).toEqual(['providers.status.json', 'providers.yaml']);
  });

  it('sets a corrupt status file aside before it writes', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = folder();
    const harness = harnessIn(dir);
    await harness.put('web', '10.0.0.1:80');
    writeFileSync(join(dir, 'providers.status.json'), '{ "version": 1, "inst');
    const registry = make(fileRegistry, harness.options, scope);
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    expect(instance.mark).toBeUndefined();
    await registry.write?.([request(instance, DEAD)], NEVER);
    const aside = readdirSync(dir).find((name) => name.includes('.corrupt-'));
    expect(readFileSync(join(dir, aside ?? 'none'), 'utf8')).toBe('{ "version": 1, "inst');
  });

  it.each([
    ['services: [', /^1:\d+: /],
    [
      'services:\n  - name: a\n    instances:\n      - { host: h, port: 99999 }\n',
      /^4:26: services\.0\.instances\.0\.port: /,
    ],
    ['services:\n  - name: a\n    instances: []\n    instnces: []\n', /^2:5: .*instnces/],
    ['services:\n', /^1:10: services: must be a list; write \[\]/],
    ['services:\n  - name: web\n', /^2:5: services\.0\.instances: must be a list/],
    ['services:\n  - { name: a/b, instances: [] }\n', /^2:13: services\.0\.name: must not contain a slash/],
    [
      'services:\n  - { name: a, instances: [] }\n  - { name: a, instances: [] }\n',
      /^3:5: service default\/a stands at 2:5 already/,
    ],
    [
      'services:\n  - name: a\n    instances:\n      - { host: h, port: 1 }\n      - { host: h, port: 1 }\n',
      /^5:9: instance h:1 of default\/a stands at 4:9/,
    ],
    ['', /^1:1: /],
  ])('says where %j is wrong', (text, message) => {
    expect(() => parseProviders(text)).toThrow(ProvidersError);
    expect(() => parseProviders(text)).toThrow(message);
  });

  it('takes ids, namespaces, shared metadata and numbers as text', () => {
    const text =
      'services: [{ name: a, namespace: n, metadata: { z: 1 }, instances: [{ id: i, host: h, port: 1, metadata: { y: true } }] }]';
    const [service] = parseProviders(text);
    expect(service).toMatchObject({ namespace: 'n', name: 'a' });
    expect(service?.instances.get('i')?.metadata).toEqual({ z: '1', y: 'true' });
  });

  it('reads what the documentation shows', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/registries.md'), 'utf8');
    const [, text = ''] = /^```yaml data\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const [web, empty] = parseProviders(text);
    expect([...(web?.instances.keys() ?? [])]).toEqual(['10.0.0.1:8080', 'web-2']);
    expect(web?.instances.get('web-2')?.metadata).toEqual({ tier: 'front', zone: 'b' });
    expect(empty?.instances.size).toBe(0);
  });

  it('never throws anything but its own error', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'services: [{}],-\n "&*!|>'), maxLength: 80 }),
        (text) => {
          try {
            parseProviders(text);
          } catch (error) {
            expect(error).toBeInstanceOf(ProvidersError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
