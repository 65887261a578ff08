/** Providers registered in the catalog of a real Consul on a node of the test's own, as the contract of registries needs. */

import type { Harness } from '../contracts/registry.contract.ts';
import type { ConsulServer } from './consul-server.ts';

interface RawCheck {
  readonly Node: string;
  readonly CheckID: string;
  readonly Status: string;
  readonly Notes: string;
  readonly Output: string;
  readonly ServiceID: string;
  readonly Definition: Readonly<Record<string, unknown>>;
}

/** `adopt`: providers have checks with definitions, as consul-esm looks after them. */
export function harnessOn(server: ConsulServer, node: string, checks: 'own' | 'adopt'): Harness {
  const checksOf = async (id: string): Promise<readonly RawCheck[]> => {
    const all = (await server.call('GET', `/v1/health/node/${node}`)) as RawCheck[];
    return all.filter(({ ServiceID }) => ServiceID === id);
  };
  return {
    options: {
      endpoints: [server.endpoint],
      timeout: '1s',
      nodes: 'external',
      externalNodeMeta: { test: node },
      externalChecks: checks,
    },
    async put(service, key, { weight = 1, metadata = {}, enabled = true } = {}) {
      const [host = '', port = ''] = key.split(':');
      const defined = {
        CheckID: `service:${key}`,
        Name: 'as defined',
        Notes: 'of the provider',
        Status: 'passing',
        ServiceID: key,
        Definition: {
          HTTP: `http://${key}/health`,
          Interval: '10s',
          Timeout: '5s',
          Header: { 'X-A': ['b'] },
        },
      };
      const maintenance = {
        CheckID: `_service_maintenance:${key}`,
        Name: 'maintenance',
        Status: 'critical',
        ServiceID: key,
      };
      await server.call('PUT', '/v1/catalog/register', {
        Node: node,
        Address: '127.0.0.1',
        NodeMeta: { test: node },
        Service: {
          ID: key,
          Service: service,
          Address: host,
          Port: Number(port),
          Meta: metadata,
          Weights: { Passing: weight, Warning: 1 },
        },
        Checks: [...(checks === 'adopt' ? [defined] : []), ...(enabled ? [] : [maintenance])],
      });
    },
    async remove(_service, key) {
      await server.call('PUT', '/v1/catalog/deregister', { Node: node, ServiceID: key });
    },
    outage: () => server.kill(),
    recover: () => server.start(),
    bytes: async () => JSON.stringify(await server.call('GET', `/v1/health/node/${node}`)),
    async edit(_service, key, { health }) {
      const found = (await checksOf(key)).find(({ Notes, Output }) => (Notes + Output).includes('"seal"'));
      if (found === undefined) throw new Error(`no mark at ${key}`);
      const edited = (text: string): string => text.replace(/"health":"[^"]*"/, `"health":"${health}"`);
      const Check = { ...found, Notes: edited(found.Notes), Output: edited(found.Output) };
      await server.call('PUT', '/v1/catalog/register', {
        Node: node,
        SkipNodeUpdate: true,
        Address: '127.0.0.1',
        Check,
      });
    },
    weight: () => Promise.resolve(undefined),
  };
}
