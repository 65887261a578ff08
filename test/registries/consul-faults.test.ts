import { describe, expect, it } from 'vitest';
import type { Instance } from '../../src/core/instance.ts';
import { consulOptions } from '../../src/registries/consul/options.ts';
import { consulRegistry } from '../../src/registries/consul/registry.ts';
import { Shelf } from '../../src/registries/consul/shelf.ts';
import { Turns } from '../../src/registries/consul/turns.ts';
import { failureOf } from '../../src/registries/consul/wire.ts';
import { Follower, instanceOf, listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { type Answer, serve } from '../support/json-server.ts';

const NEVER = new AbortController().signal;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;

interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly token: string | undefined;
}

type Answers = (asked: Asked) => Partial<Answer> & { readonly value?: unknown; readonly index?: number };

/** What Consul would answer to somebody who has no news to wait for. */
async function fake(
  scope: AsyncDisposableStack,
  answers: Answers,
): Promise<{ endpoint: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const endpoint = await serve(scope, async (url, body, headers) => {
    const { pathname, searchParams: query } = new URL(url, 'http://x');
    const one = { path: pathname, query, body, token: headers['x-consul-token'] as string | undefined };
    asked.push(one);
    const given = answers(one);
    const { value, index = 7, status = 200 } = given;
    // Whoever waits for what is newer than all there is waits on; 100 ms stand for it.
    if (Number(query.get('index') ?? 0) >= index) await new Promise((resolve) => setTimeout(resolve, 100));
    const text = given.body ?? JSON.stringify(value ?? null);
    return { ...given, status, body: text, headers: { 'x-consul-index': String(index), ...given.headers } };
  });
  return { endpoint, asked };
}

function found(
  service: string,
  id: string,
  more: { checks?: object[]; node?: object; created?: number } = {},
): object {
  const [Address, port] = id.split(':');
  return {
    Node: { Node: 'n', Address: '10.9.9.9', Datacenter: 'dc1', Meta: null, ...more.node },
    Service: {
      ID: id,
      Service: service,
      Address,
      Port: Number(port),
      Meta: null,
      Tags: [],
      Weights: { Passing: 1, Warning: 1 },
      CreateIndex: more.created ?? 5,
      ModifyIndex: 5,
    },
    Checks: more.checks ?? [],
  };
}

const quiet: Answers = ({ path }) => {
  if (path === '/v1/acl/token/self') return { status: 401, body: 'ACL support disabled' };
  if (path === '/v1/status/leader') return { value: '127.0.0.1:8300' };
  if (path === '/v1/catalog/services') return { value: { web: [] } };
  if (path === '/v1/health/service/web')
    return { value: [found('web', '10.0.0.1:80'), found('web', '10.0.0.2:80')] };
  return { value: [] };
};

const FILTERED = { 'x-consul-results-filtered-by-acls': 'true' };

describe('consul, answers that are not the truth', () => {
  const failing: Readonly<
    Record<string, { readonly at: string; readonly answer: ReturnType<Answers>; readonly code: string }>
  > = {
    'half a listing': {
      at: '/v1/health/service/web',
      answer: { body: '[{"Node":{"Node":"n","Addr' },
      code: 'protocol',
    },
    'another listing than Consul has': {
      at: '/v1/catalog/services',
      answer: { value: ['web'] },
      code: 'protocol',
    },
    'a page of a proxy': { at: '/v1/catalog/services', answer: { body: '<html>' }, code: 'protocol' },
    'no leader': {
      at: '/v1/catalog/services',
      answer: { status: 500, body: 'No cluster leader' },
      code: 'unreachable',
    },
    'a server without a leader': {
      at: '/v1/catalog/services',
      answer: { value: {}, headers: { 'x-consul-knownleader': 'false' } },
      code: 'unreachable',
    },
    'a server that is far behind': {
      at: '/v1/health/service/web',
      answer: { value: [], headers: { 'x-consul-lastcontact': '60000' } },
      code: 'unreachable',
    },
    'too many connections': { at: '/v1/catalog/services', answer: { status: 429 }, code: 'overloaded' },
    'a token that is gone': {
      at: '/v1/catalog/services',
      answer: { status: 403, body: 'rpc error making call: ACL not found' },
      code: 'unauthorised',
    },
    'a list of services that is cut': {
      at: '/v1/catalog/services',
      answer: { value: { web: [] }, headers: FILTERED },
      code: 'forbidden',
    },
    'a service that is cut': {
      at: '/v1/health/service/web',
      answer: { value: [found('web', '10.0.0.1:80')], headers: FILTERED },
      code: 'forbidden',
    },
    'namespaces in the community edition': {
      at: '/v1/catalog/services',
      answer: {
        status: 400,
        body: 'Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
      },
      code: 'unsupported',
    },
  };

  it.each(Object.entries(failing))('%s is a failure', async (_, { at, answer, code }) => {
    await using scope = new AsyncDisposableStack();
    const { endpoint } = await fake(scope, (asked) => (asked.path === at ? answer : quiet(asked)));
    const registry = make(consulRegistry, { endpoints: [endpoint], timeout: '1s' }, scope);
    await expect(listOnce(registry)).rejects.toMatchObject({ name: 'RegistryError', code });
  });

  it('an answer that does not come is a failure at its deadline', async () => {
    await using scope = new AsyncDisposableStack();
    const { endpoint } = await fake(scope, (asked) =>
      asked.path.includes('/health/') ? { body: '[', open: true } : quiet(asked),
    );
    const registry = make(consulRegistry, { endpoints: [endpoint], timeout: '300ms' }, scope);
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('asks the next endpoint when one fails', async () => {
    await using scope = new AsyncDisposableStack();
    const { endpoint: down } = await fake(scope, () => ({ status: 500, body: 'No cluster leader' }));
    const { endpoint } = await fake(scope, quiet);
    const registry = make(consulRegistry, { endpoints: [down, endpoint] }, scope);
    expect((await listOnce(registry)).get('web')?.size).toBe(2);
  });

  it('wants a token where ACLs are on, unless told to go without', async () => {
    await using scope = new AsyncDisposableStack();
    const { endpoint } = await fake(scope, (asked) =>
      asked.path === '/v1/acl/token/self'
        ? { status: 403, body: 'token does not exist: ACL not found' }
        : quiet(asked),
    );
    const strict = make(consulRegistry, { endpoints: [endpoint] }, scope);
    await expect(listOnce(strict)).rejects.toMatchObject({ code: 'unauthorised' });
    const lax = make(consulRegistry, { endpoints: [endpoint], anonymous: true }, scope);
    expect((await listOnce(lax)).size).toBe(1);
  });

  it('keeps the services that a partial list no longer has until Consul says that they are gone', async () => {
    await using scope = new AsyncDisposableStack();
    let lost = false;
    let visible = false;
    const { endpoint } = await fake(scope, (asked) => {
      if (asked.path === '/v1/catalog/services')
        return { value: lost ? { db: [] } : { db: [], web: [] }, headers: FILTERED, index: lost ? 9 : 7 };
      if (asked.path === '/v1/health/service/db') return { value: [found('db', '10.0.0.9:80')] };
      if (asked.path === '/v1/health/service/web' && lost)
        return { value: [], index: 9, ...(visible ? {} : { headers: FILTERED }) };
      return quiet(asked);
    });
    const options = { endpoints: [endpoint], token: 't', insecure: true, partial: true };
    const registry = make(consulRegistry, options, scope);
    expect((await listOnce(registry)).size).toBe(2);
    lost = true;
    // Opened again after a failure: the list alone does not say that the service is gone.
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'forbidden' });
    visible = true;
    expect([...(await listOnce(registry)).keys()]).toEqual(['db']);
  });
});

describe('consul, following', () => {
  it('never waits from an index below 1, nor from one that went back', async () => {
    await using scope = new AsyncDisposableStack();
    let index = 0;
    const { endpoint, asked } = await fake(scope, (one) => ({ ...quiet(one), index }));
    const registry = make(consulRegistry, { endpoints: [endpoint], services: ['web'] }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('web')?.size === 2);
    const waits = (): readonly string[] =>
      asked
        .filter(({ path }) => path === '/v1/health/service/web')
        .map(({ query }) => query.get('index') ?? 'none');
    await expect.poll(() => waits().length).toBeGreaterThan(2);
    expect(new Set(waits().slice(1))).toEqual(new Set(['1']));
    index = 50;
    await expect.poll(() => waits().at(-1)).toBe('50');
    index = 20;
    const before = waits().length;
    await expect.poll(() => waits().slice(before).includes('20')).toBe(true);
    const after = waits().slice(before);
    expect(after.slice(0, after.indexOf('20'))).toContain('none');
    // Without pause it would be thousands.
    expect(waits().length).toBeLessThan(100);
  });

  it('waits for what is missing after Consul has gone back in time', async () => {
    await using scope = new AsyncDisposableStack();
    let state: 'before' | 'restored' = 'before';
    const { endpoint } = await fake(scope, (asked) => {
      if (state === 'before') return { ...quiet(asked), index: 100 };
      if (asked.path === '/v1/catalog/services') return { value: { consul: [] }, index: 12 };
      return asked.path.startsWith('/v1/health/') ? { value: [], index: 12 } : { ...quiet(asked), index: 12 };
    });
    const registry = make(consulRegistry, { endpoints: [endpoint], restartGrace: '2s' }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('web')?.size === 2);
    state = 'restored';
    const again = new Follower(registry);
    scope.defer(() => again.stop());
    await again.until((services) => services.get('web')?.size === 2);
    await again.until((services) => !services.has('web'));
    await follower.until((services) => !services.has('web'));
  });

  it('gives everyone a turn where there are more services than may be waited for', async () => {
    await using scope = new AsyncDisposableStack();
    const names = Array.from({ length: 12 }, (_, i) => `s${i}`);
    let port = 80;
    const { endpoint, asked } = await fake(scope, (one) => {
      if (one.path === '/v1/catalog/services')
        return { value: Object.fromEntries(names.map((name) => [name, []])) };
      const service = one.path.replace('/v1/health/service/', '');
      if (names.includes(service)) return { value: [found(service, `10.0.0.1:${port}`)], index: port };
      return quiet(one);
    });
    const registry = make(consulRegistry, { endpoints: [endpoint], watches: 3 }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.size === 12);
    port = 81;
    await follower.until((services) =>
      names.every(
        (name) =>
          services.get(name)?.has('n/10.0.0.1:81') === true ||
          services.get(name)?.has('10.0.0.1:81') === true,
      ),
    );
    const waits = new Set(asked.map(({ query }) => query.get('wait')));
    expect(waits).toContain('2250ms');
  });

  it('says it of a server that hangs', async () => {
    await using scope = new AsyncDisposableStack();
    let hangs = false;
    const { endpoint } = await fake(scope, (asked) => (hangs ? { body: '', open: true } : quiet(asked)));
    const registry = make(consulRegistry, { endpoints: [endpoint], timeout: '500ms' }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.size === 1);
    hangs = true;
    await expect.poll(() => follower.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
    expect(follower.services.size).toBe(1);
  });

  it('passes namespaces, partition and datacenter on', async () => {
    await using scope = new AsyncDisposableStack();
    const { endpoint, asked } = await fake(scope, (one) =>
      one.query.get('ns') === 'team-b'
        ? { ...quiet(one) }
        : one.path === '/v1/catalog/services'
          ? { value: {} }
          : quiet(one),
    );
    const options = {
      endpoints: [endpoint],
      namespaces: ['team-a', 'team-b'],
      partition: 'p',
      datacenter: 'dc2',
    };
    const registry = make(consulRegistry, options, scope);
    const told: unknown[] = [];
    for await (const snapshot of registry.snapshots(NEVER)) {
      if (snapshot.kind === 'synced') break;
      told.push({ ...snapshot, entries: undefined });
    }
    expect(told).toEqual([{ kind: 'service', namespace: 'team-b', service: 'web', entries: undefined }]);
    const lists = asked.filter(({ path }) => path === '/v1/catalog/services');
    expect(lists.map(({ query }) => [query.get('ns'), query.get('partition'), query.get('dc')])).toEqual([
      ['team-a', 'p', 'dc2'],
      ['team-b', 'p', 'dc2'],
    ]);
  });
});

describe('consul, writing', () => {
  async function three(
    scope: AsyncDisposableStack,
    txn: Answers,
  ): Promise<{ registry: ReturnType<typeof make>; instances: readonly Instance[]; asked: readonly Asked[] }> {
    const ids = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'];
    const { endpoint, asked } = await fake(scope, (one) => {
      if (one.path === '/v1/txn') return txn(one);
      if (one.path === '/v1/health/service/web') return { value: ids.map((id) => found('web', id)) };
      return quiet(one);
    });
    const registry = make(consulRegistry, { endpoints: [endpoint] }, scope);
    const instances = await Promise.all(ids.map((id) => listed(registry, 'web', id)));
    return { registry, instances, asked };
  }

  it('sends the rest again at once when some operations are refused', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry, instances } = await three(scope, ({ body }) => {
      const ids = (JSON.parse(body) as { Check: { Check: { CheckID: string } } }[]).map(
        (one) => one.Check.Check.CheckID,
      );
      const at = ids.indexOf('sonde:10.0.0.2:80');
      if (at < 0) return { value: { Results: [], Errors: null } };
      return {
        status: 409,
        value: {
          Results: null,
          Errors: [{ OpIndex: at, What: 'Permission denied: token lacks service:write' }],
        },
      };
    });
    const receipts = await registry.write?.(
      instances.map((one) => request(one, DEAD)),
      NEVER,
    );
    const kinds = new Map(receipts?.map((one) => [one.instance, one.kind]));
    expect(instances.map(({ id }) => kinds.get(id))).toEqual(['written', 'refused', 'written']);
  });

  it('tries five times against somebody who keeps writing', async () => {
    await using scope = new AsyncDisposableStack();
    let tries = 0;
    const { registry, instances } = await three(scope, () => {
      tries++;
      return {
        status: 409,
        value: { Results: null, Errors: [{ OpIndex: 0, What: 'failed to set check, index is stale' }] },
      };
    });
    const [first] = instances;
    const receipts = first === undefined ? [] : await registry.write?.([request(first, DEAD)], NEVER);
    expect(receipts).toMatchObject([{ kind: 'refused' }]);
    expect(tries).toBe(5);
  });

  it('is forbidden where everything is refused for want of permission', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry, instances } = await three(scope, ({ body }) => ({
      status: 409,
      value: {
        Results: null,
        Errors: (JSON.parse(body) as unknown[]).map((_, OpIndex) => ({ OpIndex, What: 'Permission denied' })),
      },
    }));
    await expect(
      registry.write?.(
        instances.map((one) => request(one, DEAD)),
        NEVER,
      ),
    ).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('fails as a whole when transactions are not answered as Consul does', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry, instances } = await three(scope, () => ({ status: 409, value: {} }));
    await expect(
      registry.write?.(
        instances.map((one) => request(one, DEAD)),
        NEVER,
      ),
    ).rejects.toMatchObject({
      code: 'protocol',
    });
  });

  it('never has more than 64 operations in a transaction', async () => {
    await using scope = new AsyncDisposableStack();
    const check = (id: string, n: number): object => ({
      Node: 'n',
      CheckID: `${id}-${n}`,
      Status: 'passing',
      ServiceID: id,
      ServiceName: 'web',
      Definition: { TCP: id },
      ModifyIndex: 3,
    });
    const ids = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}:80`);
    const sizes: number[] = [];
    const external = { Meta: { 'external-node': 'true' } };
    const { endpoint } = await fake(scope, (one) => {
      if (one.path === '/v1/txn') {
        sizes.push((JSON.parse(one.body) as unknown[]).length);
        return { value: { Results: [], Errors: null } };
      }
      if (one.path !== '/v1/health/service/web') return quiet(one);
      return {
        value: ids.map((id) =>
          found('web', id, { node: external, checks: [1, 2, 3].map((n) => check(id, n)) }),
        ),
      };
    });
    const registry = make(consulRegistry, { endpoints: [endpoint] }, scope);
    const entries = [...((await listOnce(registry)).get('web')?.values() ?? [])];
    const receipts = await registry.write?.(
      entries.map((one) => request(instanceOf('web', one), DEAD)),
      NEVER,
    );
    expect(receipts?.length).toBe(40);
    // Three of each instance, together: 21 instances, then 19.
    expect(sizes).toEqual([63, 57]);
  });
});

describe('consul, the parts', () => {
  it.each([
    [403, 'Permission denied', 'forbidden'],
    [403, 'ACL not found', 'unauthorised'],
    [401, 'ACL support disabled', 'unauthorised'],
    [429, '', 'overloaded'],
    [400, 'Invalid header: "X" - Namespaces are a Consul Enterprise feature', 'unsupported'],
    [404, 'nothing', 'protocol'],
  ])('answers of status %s are failures with a code', (status, body, code) => {
    expect(failureOf(status, body).code).toBe(code);
  });

  it('refuses options that contradict each other', () => {
    const wrong = (options: object): readonly string[] =>
      consulOptions.safeParse(options).error?.issues.map(({ message }) => message) ?? [];
    expect(wrong({})).toEqual([]);
    expect(wrong({ token: 't' })).toEqual([expect.stringContaining('only over verified TLS')]);
    expect(wrong({ token: 't', tokenFile: 'f', insecure: true })).toEqual(['give either token or tokenFile']);
    expect(wrong({ endpoints: ['http://user:x@h:1'] })).toEqual([
      expect.stringContaining('scheme, host and port'),
    ]);
    expect(wrong({ endpoints: ['http://a:1', 'http://b:1'], agents: 'own' })).toEqual([
      expect.stringContaining('one endpoint'),
    ]);
    expect(wrong({ wait: '11m' })).toEqual(['must be from 1s to 10m']);
  });

  it('keeps a shelf as it was while what is missing is waited for', () => {
    const entry = (key: string) => ({
      key,
      incarnation: '1',
      revision: '1',
      host: 'h',
      port: 1,
      metadata: {},
      enabled: true,
      draining: false,
    });
    const shelf = new Shelf({ namespace: 'default', service: 'web' });
    expect(shelf.entries(0)).toBeUndefined();
    expect(shelf.take([entry('a'), entry('b')], 10)).toBe('forward');
    expect(shelf.take([entry('a'), entry('b')], 9)).toBe('back');
    shelf.keep(100, 50);
    shelf.take([entry('b')], 11);
    expect(shelf.entries(99)?.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(shelf.copy().entries(99)?.length).toBe(2);
    expect(shelf.isOver(99)).toBe(false);
    expect(shelf.isOver(100)).toBe(true);
    expect(shelf.isOver(100)).toBe(false);
    expect(shelf.entries(100)?.map(({ key }) => key)).toEqual(['b']);
    shelf.empty();
    expect(shelf.entries(100)).toBeUndefined();
  });

  it('hands out turns in order, and to those who wait', async () => {
    const turns = new Turns<number>();
    turns.put(1);
    turns.put(2);
    expect(await turns.take(NEVER)).toBe(1);
    expect(await turns.take(NEVER)).toBe(2);
    const stop = new AbortController();
    const given = turns.take(stop.signal);
    const waiting = turns.take(NEVER);
    stop.abort(new Error('no more'));
    await expect(given).rejects.toThrow('no more');
    turns.put(3);
    expect(await waiting).toBe(3);
  });
});
