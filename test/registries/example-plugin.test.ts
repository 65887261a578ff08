import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { loadPlugins } from '../../src/config/plugins.ts';
import type { RegistryPlugin } from '../../src/core/registry.ts';
import {
  describeRegistry,
  type Fields,
  type Harness,
  listOnce,
  make,
} from '../contracts/registry.contract.ts';
import { serve } from '../support/json-server.ts';

// As sonde loads it.
const root = new URL('../..', import.meta.url).pathname;
const loaded = await loadPlugins(['examples/plugins/target-list-registry.mjs'], root, builtins);
const targetList = loaded.catalogue.registries.find(({ name }) => name === 'target-list') as RegistryPlugin;

async function start(scope: AsyncDisposableStack): Promise<Harness> {
  const providers = new Map<string, { service: string; key: string; fields: Fields }>();
  let broken = false;
  const url = await serve(scope, () => {
    const groups = [...providers.values()].map(({ service, key, fields }) => ({
      targets: [key],
      labels: { service, ...fields.metadata },
    }));
    return { status: broken ? 503 : 200, body: JSON.stringify(groups) };
  });
  const never = (): Promise<never> => Promise.reject(new Error('there is nothing that could be written'));
  return {
    options: { url, poll: 0.02 },
    put: async (service, key, fields = {}) => {
      providers.set(`${service} ${key}`, { service, key, fields });
    },
    remove: async (service, key) => {
      providers.delete(`${service} ${key}`);
    },
    outage: async () => {
      broken = true;
    },
    recover: async () => {
      broken = false;
    },
    bytes: never,
    edit: never,
    weight: never,
  };
}

describeRegistry({
  name: 'target-list, the example plugin',
  plugin: targetList,
  start,
  skip: [
    {
      reason: 'the format knows nothing but targets and labels',
      tests: ['enabled', 'new-life'],
    },
    {
      reason: 'nothing can be written through a list at a URL',
      tests: ['write', 'weight', 'own-update'],
    },
  ],
});

describe('the example registry', () => {
  it('loads', () => {
    expect(loaded.problems).toEqual([]);
  });

  it.each([
    ['no JSON', 200, 'gave no JSON', 'protocol'],
    ['{}', 200, 'gave no list', 'protocol'],
    ['[]', 500, 'answered 500', 'unreachable'],
    ['[{ "targets": ["a:0"] }]', 200, 'entries.0.port', 'protocol'],
    ['[{}]', 200, 'not iterable', 'protocol'],
  ])('takes %s with status %i for a failure', async (body, status, message, code) => {
    await using scope = new AsyncDisposableStack();
    const url = await serve(scope, () => ({ status, body }));
    const error = await listOnce(make(targetList, { url }, scope)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'RegistryError',
      code,
      message: expect.stringContaining(message) as string,
    });
  });
});
