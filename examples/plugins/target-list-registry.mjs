/**
 * A registry of one's own: a JSON list `[{ "targets": ["10.0.0.1:80"], "labels": { "service": "web" } }]` at a URL. (For
 * Prometheus' service discovery there is the built-in `http-sd`; this one shows how little a registry needs.) Told by
 * `plugins: [./examples/plugins/target-list-registry.mjs]` and
 * `registries: [{ name: sd, kind: target-list, url: http://127.0.0.1:8000/targets, poll: 5 }]`.
 * Read core/registry.ts and core/snapshot.ts beside it. It only lists: the protocol has no way to write.
 */

/** @type {import('../../src/core/plugin.ts').OptionsSchema<{ url: string, poll: number }>} */
const options = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate({ url, poll = 5, ...rest }) {
      const [unknown] = Object.keys(rest);
      if (unknown !== undefined) return { issues: [{ message: 'unknown key', path: [unknown] }] };
      if (!/^https?:/.test(url) || !URL.canParse(url))
        return { issues: [{ message: 'must be an http or https URL', path: ['url'] }] };
      // A registry must confirm itself every 10 s.
      if (!(poll > 0 && poll <= 10))
        return { issues: [{ message: 'must be seconds, at most 10', path: ['poll'] }] };
      return { value: { url, poll } };
    },
  },
};

/** @type {import('../../src/core/registry.ts').RegistryPlugin<{ url: string, poll: number }>} */
const targetList = {
  name: 'target-list',
  summary: 'Instances from a JSON list of targets at a URL; read-only.',
  capabilities: { writes: false, incarnations: false },
  options,
  create: ({ url, poll }, { clock }) => ({
    batchSize: 1,

    async *snapshots(signal) {
      const told = new Map();
      for (;;) {
        const services = byService(await list(url, clock, signal));
        for (const [service, entries] of services) {
          const text = JSON.stringify(entries);
          // Only what changed is told again.
          if (told.get(service) === text) continue;
          told.set(service, text);
          yield { kind: 'service', namespace: 'default', service, entries };
        }
        for (const service of told.keys()) {
          if (services.has(service)) continue;
          told.delete(service);
          yield { kind: 'gone', namespace: 'default', service };
        }
        yield { kind: 'synced' };
        await clock.sleep(poll * 1_000, signal);
      }
    },
  }),
};

/** Throws whatever goes wrong: a failure is never an empty list. `code` says what kind of failure it is. */
async function list(url, clock, signal) {
  using deadline = clock.deadline(3_000, signal);
  const answer = await fetch(url, { signal: deadline.signal }).catch((cause) => {
    throw failure('unreachable', `${url} cannot be reached`, cause);
  });
  if (!answer.ok) throw failure('unreachable', `${url} answered ${answer.status}`);
  const groups = await answer.json().catch((cause) => {
    throw failure('protocol', `${url} gave no JSON`, cause);
  });
  if (!Array.isArray(groups)) throw failure('protocol', `${url} gave no list`);
  return groups;
}

function failure(code, message, cause) {
  return Object.assign(new Error(message, { cause }), { code });
}

function byService(groups) {
  const services = new Map();
  for (const { targets, labels: { service = 'default', ...metadata } = {} } of groups) {
    const entries = services.get(service) ?? [];
    services.set(service, entries);
    for (const target of targets) {
      const colon = target.lastIndexOf(':');
      const host = target.slice(0, colon).replace(/^\[|\]$/g, '');
      // What is left out (enabled, incarnation, …) has the defaults that docs/adding-a-registry.md lists.
      entries.push({ key: target, host, port: Number(target.slice(colon + 1)), metadata });
    }
  }
  return services;
}

export const registries = [targetList];
