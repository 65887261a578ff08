import { expect, it } from 'vitest';
import { etcdRegistry } from '../../src/registries/etcd/registry.ts';
import { countingProxy } from '../support/counting-proxy.ts';
import { b64, EtcdServer } from '../support/etcd-server.ts';
import { INSTANCES, measureLarge } from '../support/large-registry.ts';
import { describeWith } from '../support/servers.ts';

/** A request that puts one provider. */
function putOf(i: number): object {
  const value = { host: `10.0.${i >> 8}.${i & 255}`, port: 80, metadata: { zone: 'a' }, weight: 100 };
  const key = `/sonde/default/s${i % 100}/p${i}`;
  return { requestPut: { key: b64(key), value: b64(JSON.stringify(value)) } };
}

describeWith('etcd', 'etcd', 'etcd with ten thousand instances', () => {
  it('tells a single change, without listing anything again', { timeout: 180_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EtcdServer.start(scope);
    for (let i = 0; i < INSTANCES; i += 100)
      await server.call('/v3/kv/txn', { success: Array.from({ length: 100 }, (_, at) => putOf(i + at)) });
    const proxy = await countingProxy(scope, Number(new URL(server.endpoint).port));
    const measured = await measureLarge(
      {
        title: `etcd, ${INSTANCES} instances in 100 services`,
        plugin: etcdRegistry,
        options: { endpoints: [`http://127.0.0.1:${proxy.port}`], timeout: '10s' },
        proxy,
        add: async (i) => {
          await server.call('/v3/kv/txn', { success: [putOf(i)] });
        },
      },
      scope,
    );
    expect(measured.told[2]).toBeLessThan(1_000);
    expect(measured.changeBytes).toBeLessThan(measured.listedBytes / 20);
  });
});
