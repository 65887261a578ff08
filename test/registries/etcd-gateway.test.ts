import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegistryError } from '../../src/core/registry.ts';
import { entryOf, placeOf } from '../../src/registries/etcd/record.ts';
import { etcdRegistry } from '../../src/registries/etcd/registry.ts';
import { failureOf, watchLine } from '../../src/registries/etcd/wire.ts';
import { Follower, listOnce, make } from '../contracts/registry.contract.ts';
import { b64 } from '../support/etcd-server.ts';
import { serve } from '../support/json-server.ts';
import { certificates } from '../support/lab/certificates.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

const PREFIX = '/sonde/';

describe('etcd on the wire', () => {
  /** A gateway with one instance, whose port is the number of the listing, and a watch that says this. */
  async function fakeEtcd(scope: AsyncDisposableStack, watch: string) {
    const seen = { listings: 0, revision: 1 };
    const endpoint = await serve(scope, (path, body) => {
      if (path === '/v3/watch')
        return { status: 200, body: `{"result":{"created":true}}\n${watch}`, open: true };
      const glance = body.includes('min_mod_revision');
      if (!glance) seen.listings++;
      const value = b64(JSON.stringify({ host: 'a', port: seen.listings }));
      const kv = { key: b64(`${PREFIX}default/web/a`), value, create_revision: '1', mod_revision: '1' };
      const kvs = glance && seen.revision === 1 ? [] : [kv];
      return { status: 200, body: JSON.stringify({ header: { revision: '1' }, kvs, count: '1' }) };
    });
    return { endpoint, seen };
  }

  it('lists anew after a compaction, and not without pause', async () => {
    await using scope = new AsyncDisposableStack();
    const compacted = '{"result":{"canceled":true,"compact_revision":"8"}}\n';
    const { endpoint, seen } = await fakeEtcd(scope, compacted);
    const follower = new Follower(make(etcdRegistry, { endpoints: [endpoint] }, scope));
    scope.defer(() => follower.stop());
    const started = performance.now();
    await follower.until((services) => (services.get('web')?.get('a')?.port ?? 0) >= 3);
    expect(seen.listings).toBeLessThan(2 + (performance.now() - started) / 250);
  });

  it('lists anew when its watch has missed a change', async () => {
    await using scope = new AsyncDisposableStack();
    const { endpoint, seen } = await fakeEtcd(scope, '');
    const clock = new ManualClock();
    const follower = new Follower(make(etcdRegistry, { endpoints: [endpoint] }, scope, { clock }));
    scope.defer(() => follower.stop());
    /** Until it has said that much more, moving time on in steps. */
    const confirmed = async (more: number): Promise<void> => {
      const wanted = follower.confirmations + more;
      while (follower.confirmations < wanted) {
        await clock.advance(100);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    await confirmed(5);
    expect(seen.listings).toBe(1);
    seen.revision = 2;
    await confirmed(3);
    expect(seen.listings).toBe(2);
    expect(follower.services.get('web')?.get('a')?.port).toBe(2);
  });

  it.each([
    [
      'a lost permission',
      '{"result":{"watch_id":"-1","created":true,"canceled":true,"cancel_reason":"rpc error: code = PermissionDenied desc = etcdserver: permission denied"}}\n',
      'forbidden',
    ],
    ['no reason', '{"result":{"canceled":true}}\n', 'unreachable'],
    [
      'an error of the gateway',
      '{"error":{"grpc_code":14,"message":"transport is closing"}}\n',
      'unreachable',
    ],
    ['what is no JSON', 'oops\n', 'protocol'],
  ])('fails when its watch ends with %s', async (_, watch, code) => {
    await using scope = new AsyncDisposableStack();
    const { endpoint } = await fakeEtcd(scope, watch);
    const follower = new Follower(make(etcdRegistry, { endpoints: [endpoint] }, scope));
    scope.defer(() => follower.stop());
    await expect
      .poll(() => follower.error, { timeout: 10_000 })
      .toMatchObject({ name: 'RegistryError', code });
    expect(follower.services.get('web')?.size).toBe(1);
  });

  it('says what to switch on where the gateway is off', async () => {
    await using scope = new AsyncDisposableStack();
    const endpoint = await serve(scope, () => ({ status: 404, body: '404 page not found' }));
    const error = await listOnce(make(etcdRegistry, { endpoints: [endpoint] }, scope)).catch(
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(RegistryError);
    expect(error).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('enable-grpc-gateway') as string,
    });
  });

  it('verifies the certificate, and reads what it verifies it by for every connection', async () => {
    await using scope = new AsyncDisposableStack();
    const { good, ca } = certificates();
    const listing = { header: { revision: '1' }, count: '0' };
    const endpoint = await serve(scope, () => ({ status: 200, body: JSON.stringify(listing) }), good);
    const caFile = join(tempDir(scope), 'ca.pem');
    const trusting = make(etcdRegistry, { endpoints: [endpoint], tls: { caFile } }, scope);
    await expect(listOnce(trusting)).rejects.toMatchObject({ code: 'unreachable' });
    copyFileSync(ca, caFile);
    expect((await listOnce(trusting)).size).toBe(0);
    const doubting = make(etcdRegistry, { endpoints: [endpoint] }, scope);
    await expect(listOnce(doubting)).rejects.toMatchObject({ code: 'unreachable' });
    const careless = make(etcdRegistry, { endpoints: [endpoint], tls: { insecure: true } }, scope);
    expect((await listOnce(careless)).size).toBe(0);
  });

  it.each([
    [401, '{"code":16,"message":"invalid auth token"}', 'unauthorised'],
    [
      400,
      '{"error":"etcdserver: user name is empty","code":3,"message":"etcdserver: user name is empty"}',
      'unauthorised',
    ],
    [403, '{"code":7,"message":"permission denied"}', 'forbidden'],
    [429, '', 'overloaded'],
    [503, 'no leader', 'unreachable'],
    [400, '{"code":3,"message":"bad range"}', 'protocol'],
    [404, '{"code":5,"message":"etcdserver: requested lease not found"}', 'conflict'],
    [400, '{"code":3,"message":"etcdserver: revision of auth store is old"}', 'unauthorised'],
  ])('%i %s is %s', (status, body, code) => {
    expect(failureOf(status, body).code).toBe(code);
  });

  it.each([
    ['/sonde/ns/svc/id', { namespace: 'ns', service: 'svc', id: 'id' }],
    ['/sonde/ns/svc', undefined],
    ['/sonde/ns/svc/id/more', undefined],
    ['/other/ns/svc/id', undefined],
  ])('%s', (key, place) => {
    expect(placeOf(key, '/sonde/')).toEqual(place);
  });

  it('decodes any value without throwing', () => {
    const kv = (value: string) => ({
      rawKey: 'aw==',
      key: 'k',
      value,
      createRevision: '1',
      modRevision: '2',
      lease: '0',
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => void entryOf(kv(text), 'id', undefined)),
    );
    fc.assert(fc.property(fc.jsonValue(), (line) => void watchLine.safeParse(line)));
  });

  it('refuses credentials in the clear, and prefixes below each other', () => {
    const issues = (options: object) => {
      const result = etcdRegistry.options['~standard'].validate({
        endpoints: ['http://127.0.0.1:2379'],
        ...options,
      });
      return result instanceof Promise ? [] : result.issues?.map(({ path }) => path?.map(String).join('.'));
    };
    expect(issues({ username: 'u', password: 'p' })).toEqual(['username']);
    expect(issues({ username: 'u', password: 'p', insecure: true })).toBeUndefined();
    expect(issues({ endpoints: ['https://127.0.0.1'], username: 'u', password: 'p' })).toBeUndefined();
    expect(issues({ statusPrefix: '/sonde/status' })).toEqual(['statusPrefix']);
    for (const endpoint of ['ftp://x', 'x', 'http://user:secret@x', 'http://x/path'])
      expect(issues({ endpoints: [endpoint] })).toEqual(['endpoints.0']);
    expect(issues({ statusPrefix: '/status', weight: { dead: 0 } })).toEqual(['weight']);
    expect(issues({ tls: { certFile: 'c.pem' } })).toEqual(['tls.certFile']);
  });
});
