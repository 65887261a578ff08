import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegistryError } from '../../src/core/registry.ts';
import { fileSdRegistry } from '../../src/registries/prometheus/file-sd.ts';
import { decodeGroups, GroupsError, servicesOf } from '../../src/registries/prometheus/groups.ts';
import { httpSdRegistry } from '../../src/registries/prometheus/http-sd.ts';
import {
  describeRegistry,
  type Fields,
  Follower,
  type Harness,
  listOnce,
  make,
} from '../contracts/registry.contract.ts';
import { tempDir } from '../support/temp-dir.ts';

const READ_ONLY = [
  { reason: 'it is read only', tests: ['write', 'weight', 'own-update'] },
  { reason: 'a target is its address, however often it is named', tests: ['new-life'] },
  { reason: 'target groups do not say that a target is out of service', tests: ['enabled'] },
] as const;

/** Services as target groups. */
class Groups {
  readonly #services = new Map<string, Map<string, Fields>>();

  put(service: string, key: string, fields: Fields = {}): void {
    const instances = this.#services.get(service) ?? new Map<string, Fields>();
    this.#services.set(service, instances.set(key, fields));
  }

  remove(service: string, key: string): void {
    this.#services.get(service)?.delete(key);
  }

  get json(): string {
    return JSON.stringify(
      [...this.#services].flatMap(([job, instances]) =>
        [...instances].map(([target, { metadata = {} }]) => ({
          targets: [target],
          labels: { job, ...metadata },
        })),
      ),
    );
  }
}

function unwritable(): Pick<Harness, 'bytes' | 'edit' | 'weight'> {
  const never = (): never => {
    throw new Error('it is read only');
  };
  return { bytes: never, edit: never, weight: never };
}

describeRegistry({
  name: 'file-sd',
  plugin: fileSdRegistry,
  skip: READ_ONLY,
  start: (scope) => {
    const folder = join(tempDir(scope), 'targets');
    mkdirSync(folder);
    const groups = new Groups();
    const save = (): Promise<void> => {
      writeFileSync(join(folder, '.new'), groups.json);
      renameSync(join(folder, '.new'), join(folder, 'a.json'));
      return Promise.resolve();
    };
    return save().then(() => ({
      options: { files: [join(folder, '*.json')], poll: '20ms' },
      put: (...args) => {
        groups.put(...args);
        return save();
      },
      remove: (...args) => {
        groups.remove(...args);
        return save();
      },
      outage: () => Promise.resolve(renameSync(folder, `${folder}.away`)),
      recover: () => Promise.resolve(renameSync(`${folder}.away`, folder)),
      ...unwritable(),
    }));
  },
});

/** A server of target groups that can go away and come back. */
async function serveGroups(
  scope: AsyncDisposableStack,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const server = createServer(answer);
  const start = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await start(0);
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  scope.defer(stop);
  return { url: `http://127.0.0.1:${port}/sd?x=1`, stop, again: () => start(port) };
}

describeRegistry({
  name: 'http-sd',
  plugin: httpSdRegistry,
  skip: READ_ONLY,
  start: async (scope) => {
    const groups = new Groups();
    const { url, stop, again } = await serveGroups(scope, (_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(groups.json);
    });
    return {
      options: { url, poll: '20ms' },
      put: (...args) => Promise.resolve(groups.put(...args)),
      remove: (...args) => Promise.resolve(groups.remove(...args)),
      outage: stop,
      recover: again,
      ...unwritable(),
    };
  },
});

const NAMING = { serviceLabel: 'job', namespaceLabel: 'namespace' };

describe('target groups', () => {
  it('become services by their labels', () => {
    const groups = decodeGroups([
      { targets: ['a:1', '[::1]:2'], labels: { job: 'web', tier: 'front' } },
      { targets: ['a:1'], labels: { job: 'web', zone: 'b' } },
      { targets: ['https://shop.example/healthz', 'c'], labels: { job: 'shop', namespace: 'eu' } },
    ]);
    const services = servicesOf(groups, { ...NAMING, port: 9100 });
    expect(
      services.map(({ name, entries }) => [
        name,
        entries.map(({ host, port, metadata }) => [host, port, metadata]),
      ]),
    ).toEqual([
      [
        { namespace: 'default', service: 'web' },
        [
          ['a', 1, { job: 'web', tier: 'front', zone: 'b' }],
          ['::1', 2, { job: 'web', tier: 'front' }],
        ],
      ],
      [
        { namespace: 'eu', service: 'shop' },
        [
          ['shop.example', 443, { job: 'shop', namespace: 'eu', scheme: 'https', path: '/healthz' }],
          ['c', 9100, { job: 'shop', namespace: 'eu' }],
        ],
      ],
    ]);
  });

  it.each([
    [{}, 'the list of groups: '],
    [[{ targets: 'a:1' }], 'group 1, targets: '],
    [[{ targets: ['a:1'], labels: { job: 'web' } }, { targets: ['a:1', 3] }], 'group 2, targets.1: '],
    [[{ targets: ['a:1'] }], 'group 1: has no label job, and no service is configured'],
    [[{ targets: ['a:1'], labels: { job: '' } }], 'group 1: has no label job'],
    [[{ targets: ['a:1', 'b'], labels: { job: 'web' } }], 'group 1, targets.1: "b" names no port'],
    [
      [{ targets: ['a:99999'], labels: { job: 'web' } }],
      'group 1, targets.0: "a:99999": a port is from 1 to 65535',
    ],
    [
      [{ targets: ['ldap://a'], labels: { job: 'web' } }],
      'group 1, targets.0: "ldap://a" names no host and port',
    ],
    [[{ targets: ['a b:1:2'], labels: { job: 'web' } }], 'group 1, targets.0: "a b:1:2" is no host:port'],
  ])('say where they are wrong: %j', (value, message) => {
    expect(() => servicesOf(decodeGroups(value), NAMING)).toThrow(message);
  });

  it('never break on anything', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (value, target) => {
        for (const groups of [value, [{ targets: [target], labels: { job: 'web' } }]]) {
          try {
            servicesOf(decodeGroups(groups), NAMING);
          } catch (error) {
            expect(error).toBeInstanceOf(GroupsError);
          }
        }
      }),
    );
  });
});

describe('file-sd', () => {
  let scope: AsyncDisposableStack;
  beforeEach(() => {
    scope = new AsyncDisposableStack();
  });
  afterEach(() => scope.disposeAsync());

  it('joins files, YAML too, and fails where a pattern meets nothing or a file is broken', async () => {
    const folder = tempDir(scope);
    writeFileSync(join(folder, 'a.json'), '[{"targets":["a:1"],"labels":{"job":"web"}}]');
    writeFileSync(join(folder, 'b.yml'), '- targets: [b:2]\n  labels: { job: web }\n');
    const options = { files: ['*.json', 'b.yml', 'a.json'], poll: '20ms' };
    const from = (files: object) =>
      make(fileSdRegistry, { ...options, ...files }, scope, { baseDir: folder });
    const registry = from({});
    expect([...((await listOnce(registry)).get('web')?.keys() ?? [])]).toEqual(['a:1', 'b:2']);
    await expect(listOnce(from({ files: ['*.yaml'] }))).rejects.toThrow(/no file matches .*\*\.yaml/);
    writeFileSync(join(folder, 'b.yml'), '');
    await expect(listOnce(registry)).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringContaining('b.yml: the list of groups') as string,
    });
    rmSync(join(folder, 'b.yml'));
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('http-sd', () => {
  let scope: AsyncDisposableStack;
  beforeEach(() => {
    scope = new AsyncDisposableStack();
  });
  afterEach(() => scope.disposeAsync());

  it('asks with its tag, its refresh interval and its credentials', async () => {
    const asked: IncomingMessage['headers'][] = [];
    const { url } = await serveGroups(scope, (request, response) => {
      asked.push(request.headers);
      response.setHeader('etag', '"1"');
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end();
      else response.end('[{"targets":["a:1"],"labels":{"job":"web"}}]');
    });
    const folder = tempDir(scope);
    writeFileSync(join(folder, 'password'), 'secret\n');
    const options = { url, poll: '1s', username: 'ann', passwordFile: 'password', insecure: true };
    const follower = new Follower(make(httpSdRegistry, options, scope, { baseDir: folder }));
    scope.defer(() => follower.stop());
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(1);
    expect(asked[0]).toMatchObject({
      'x-prometheus-refresh-interval-seconds': '1',
      authorization: `Basic ${Buffer.from('ann:secret').toString('base64')}`,
    });
    expect(asked[1]).toMatchObject({ 'if-none-match': '"1"' });
    expect(follower.services.get('web')?.size).toBe(1);
  });

  it.each([
    [401, 'unauthorised'],
    [403, 'forbidden'],
    [404, 'protocol'],
    [503, 'overloaded'],
    [500, 'unreachable'],
    [304, 'protocol'],
  ])('takes an answer %i for a failure: %s', async (status, code) => {
    const { url } = await serveGroups(scope, (_, response) => response.writeHead(status).end('[]'));
    const failing = listOnce(make(httpSdRegistry, { url }, scope));
    await expect(failing).rejects.toBeInstanceOf(RegistryError);
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringContaining(url) as string });
  });

  it.each(['', '[', '{}', '[{"targets":["a:1"]', '"x"'])(
    'takes the answer %j for a failure',
    async (text) => {
      const { url } = await serveGroups(scope, (_, response) => response.end(text));
      await expect(listOnce(make(httpSdRegistry, { url }, scope))).rejects.toMatchObject({
        code: 'protocol',
      });
    },
  );

  it('takes silence and half an answer for failures', async () => {
    let half = false;
    const { url } = await serveGroups(scope, (_, response) => {
      if (!half) return;
      response.writeHead(200, { 'content-length': '100' });
      response.write('[{"targets":["a:1"],');
      response.destroy();
    });
    const registry = make(httpSdRegistry, { url, timeout: '100ms' }, scope);
    await expect(listOnce(registry)).rejects.toThrow('no answer within 100 ms');
    half = true;
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it.each([
    [{ url: 'ftp://a' }, 'not a URL'],
    [{ url: 'http://a', username: 'ann', password: 'x' }, 'credentials are sent only over verified TLS'],
    [{ url: 'https://a', username: 'ann' }, 'needs password'],
    [{ url: 'https://a', username: 'ann', password: 'x', tokenFile: 't' }, 'either a user or a token'],
    [{ url: 'https://ann@a' }, 'a user is given as username'],
  ])('refuses the options %j', (options, message) => {
    expect(() => make(httpSdRegistry, options, scope)).toThrow(message);
  });
});
