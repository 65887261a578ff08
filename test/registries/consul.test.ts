import { afterAll, beforeAll } from 'vitest';
import { consulRegistry } from '../../src/registries/consul/registry.ts';
import { describeRegistry } from '../contracts/registry.contract.ts';
import { harnessOn } from '../support/consul-harness.ts';
import { ConsulServer } from '../support/consul-server.ts';
import { describeWith } from '../support/servers.ts';

const NO_WEIGHTS = { reason: 'Consul scales weights by status itself', tests: ['weight'] } as const;

describeWith('consul', 'consul', 'Consul, a real one', () => {
  // One server for both contracts, each test with nodes of its own; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let server: ConsulServer;
  let tests = 0;
  beforeAll(async () => {
    server = await ConsulServer.start(servers);
  });
  afterAll(() => servers.disposeAsync());

  describeRegistry({
    name: 'consul, a check of its own',
    plugin: consulRegistry,
    start: () => Promise.resolve(harnessOn(server, `own-${++tests}`, 'own')),
    skip: [NO_WEIGHTS],
  });

  describeRegistry({
    name: 'consul, the checks of external nodes',
    plugin: consulRegistry,
    start: () => Promise.resolve(harnessOn(server, `esm-${++tests}`, 'adopt')),
    skip: [NO_WEIGHTS],
  });
});
