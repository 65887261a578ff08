import { afterAll, beforeAll } from 'vitest';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import { describeRegistry } from '../../contracts/registry.contract.ts';
import { describeWith } from '../../support/servers.ts';
import { ZOOKEEPER_PROGRAM, ZookeeperServer } from '../../support/zookeeper-server.ts';
import { pathHarness } from './harness.ts';

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'ZooKeeper, a real one, nodes by a pattern', () => {
  // One server for all contract tests, each below a root of its own; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let server: ZookeeperServer;
  let tests = 0;
  beforeAll(async () => {
    server = await ZookeeperServer.start(servers);
  });
  afterAll(() => servers.disposeAsync());

  describeRegistry({
    name: 'zookeeper, the mark in the value',
    plugin: zookeeperRegistry,
    start: (scope) => Promise.resolve(pathHarness(server, scope, { root: `/v${++tests}` })),
  });

  describeRegistry({
    name: 'zookeeper, the mark in a node of its own',
    plugin: zookeeperRegistry,
    start: (scope) => Promise.resolve(pathHarness(server, scope, { root: `/n${++tests}`, marks: 'node' })),
    skip: [{ reason: 'weights stand in the providers’ nodes, which are left alone here', tests: ['weight'] }],
  });
});
