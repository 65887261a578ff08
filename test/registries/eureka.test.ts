import { afterAll, beforeAll } from 'vitest';
import { eurekaRegistry } from '../../src/registries/eureka/registry.ts';
import { describeRegistry, type Harness } from '../contracts/registry.contract.ts';
import { EurekaServer, whyNoEureka } from '../support/eureka-server.ts';
import { describeUnless } from '../support/servers.ts';

function harnessOn(server: EurekaServer): Harness {
  return {
    options: { urls: [server.url], timeout: '1s', poll: '300ms' },
    async put(service, key, { metadata, enabled = true } = {}) {
      const [host = '', port = ''] = key.split(':');
      const known = metadata === undefined ? {} : { metadata };
      await server.register(service, key, { host, port: Number(port), ...known });
      if (!enabled) await server.override(service, key, 'OUT_OF_SERVICE');
    },
    remove: (service, key) => server.cancel(service, key),
    outage: () => Promise.resolve(server.freeze()),
    recover: () => Promise.resolve(server.thaw()),
    async bytes() {
      const all = await server.instances();
      return JSON.stringify(all.map(({ app, instanceId, ...told }) => [app, instanceId, told]).sort());
    },
    async edit(service, key, { health }) {
      const told = await server.instance(service, key);
      const mark = JSON.parse(told?.metadata.sonde ?? '{}') as object;
      await server.setMetadata(service, key, 'sonde', JSON.stringify({ ...mark, health }));
    },
    weight: () => Promise.resolve(undefined),
  };
}

describeUnless('eureka', whyNoEureka(), 'Eureka, a real one', () => {
  // One server for all contract tests, emptied before each.
  const servers = new AsyncDisposableStack();
  let server: EurekaServer;
  beforeAll(async () => {
    server = await EurekaServer.start(servers);
  }, 90_000);
  afterAll(() => servers.disposeAsync());

  describeRegistry({
    name: 'eureka',
    plugin: eurekaRegistry,
    start: async () => {
      server.thaw();
      for (const { app, instanceId } of await server.instances()) await server.cancel(app, instanceId);
      return harnessOn(server);
    },
    skip: [
      { reason: 'Eureka knows no weights', tests: ['weight'] },
      { reason: 'Eureka does not tell one life of an instance from another', tests: ['new-life'] },
      // Its update of metadata reads and registers what it read: eureka-faults.test.ts shows how clients heal that.
      {
        reason: 'a write of metadata is not atomic in the server; the next renewal heals it',
        tests: ['own-update'],
      },
    ],
  });
});
