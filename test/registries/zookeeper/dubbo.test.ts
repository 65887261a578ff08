import { afterAll, beforeAll } from 'vitest';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import { describeRegistry } from '../../contracts/registry.contract.ts';
import { describeWith } from '../../support/servers.ts';
import { ZOOKEEPER_PROGRAM, ZookeeperServer } from '../../support/zookeeper-server.ts';
import { applicationHarness, interfaceHarness } from './harness.ts';

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'ZooKeeper, a real one, Dubbo’s layouts', () => {
  // One server for all contract tests, each below a root of its own; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let server: ZookeeperServer;
  let tests = 0;
  beforeAll(async () => {
    server = await ZookeeperServer.start(servers);
  });
  afterAll(() => servers.disposeAsync());

  for (const rules of ['both', 'url', 'document'] as const) {
    describeRegistry({
      name: `zookeeper, Dubbo’s interfaces, rules: ${rules}`,
      plugin: zookeeperRegistry,
      start: (scope) => Promise.resolve(interfaceHarness(server, scope, { root: `/d${++tests}`, rules })),
    });
  }

  describeRegistry({
    name: 'zookeeper, Dubbo’s applications',
    plugin: zookeeperRegistry,
    start: (scope) => Promise.resolve(applicationHarness(server, scope, { root: `/a${++tests}` })),
  });
});
