/** The registry contract against a real Nacos, with ephemeral and with persistent instances. */

import { afterAll, beforeAll } from 'vitest';
import { nacosRegistry } from '../../src/registries/nacos/registry.ts';
import { describeRegistry } from '../contracts/registry.contract.ts';
import { NacosHarness } from './nacos-harness.ts';
import { describeWithNacos, type NacosRelease, NacosServer } from './nacos-server.ts';

export function describeNacosContract(release: NacosRelease): void {
  describeWithNacos(release, `Nacos ${release}`, () => {
    const servers = sharedServer(release);
    for (const kind of ['ephemeral', 'persistent'] as const)
      describeRegistry({
        name: `nacos ${release}, ${kind}`,
        plugin: nacosRegistry,
        start: () => NacosHarness.on(servers(), kind === 'ephemeral'),
        // A write takes about a second: the view of Nacos is waited for.
        timeout: 90_000,
        skip: [{ reason: 'Nacos does not tell two lives at an address apart', tests: ['new-life'] }],
      });
  });
}

/** One server for all tests of a file: it takes its time to start. */
export function sharedServer(release: NacosRelease, options: { logins?: boolean } = {}): () => NacosServer {
  const scope = new AsyncDisposableStack();
  let server: NacosServer | undefined;
  beforeAll(async () => {
    server = await NacosServer.start(scope, release, options);
  }, 180_000);
  afterAll(() => scope.disposeAsync());
  return () => {
    if (server === undefined) throw new Error('the server was not started');
    return server;
  };
}
