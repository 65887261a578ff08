import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { type ConfigDiff, diffConfig, type Running } from '../../src/app/config-diff.ts';
import { SILENT } from '../../src/app/list-registry.ts';
import { CheckMaker } from '../../src/app/make-checks.ts';
import { registryRecipes } from '../../src/app/make-registries.ts';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Config } from '../../src/config/config.ts';
import { check, instance } from '../cli/world.ts';
import { loaded } from '../support/config-bench.ts';

const REGISTRIES = `version: 1
registries:
  - { name: local, kind: file, path: ./providers.yaml, write: { mode: apply } }
`;
const OLD = `${REGISTRIES}checks:
  - { name: web, match: { service: "web-*" }, probe: { kind: http, path: /healthz } }
  - { name: port, match: { service: "*-cart" }, probe: { kind: tcp } }
`;

/** A sonde that runs this configuration: two services, three instances, as its checks match them. */
function running(config: Config, source = '/etc/sonde/sonde.yaml'): Running {
  const deps = { clock: systemClock, log: SILENT };
  const named = ({ name, fingerprint }: { readonly name: string; readonly fingerprint: string }) => ({
    name,
    fingerprint,
  });
  return {
    configuration: {
      source,
      revision: config.revision,
      appliedAt: '2026-01-01T00:00:00.000Z',
      rejected: null,
      checks: new CheckMaker(deps.clock, deps.log).recipes(config, builtins).map(named),
      registries: registryRecipes(config, builtins, deps).map(named),
      state: null,
    },
    registries: config.registries.map(({ name, kind, write }) => ({
      name,
      kind,
      up: true,
      snapshotAge: 0,
      instances: 3,
      writeMode: write.mode,
      pendingWrites: 0,
      held: 0,
      notices: [],
    })),
    instances: [
      instance('a1', { service: 'web-cart', checks: [check('healthy'), check('healthy', { name: 'port' })] }),
      instance('a2', { service: 'web-shop', checks: [check('healthy')] }),
      instance('a3', { service: 'web-shop', host: '10.0.0.3', checks: [check('healthy')] }),
    ],
  };
}

async function diff(text: string, now = OLD): Promise<ConfigDiff> {
  return diffConfig(await loaded(text), builtins, running(await loaded(now)));
}

/** `+web a1`. */
function short({ targets }: ConfigDiff): readonly string[] {
  const signs = { added: '+', removed: '-', changed: '~' };
  return targets.map((target) => `${signs[target.change]}${target.check} ${target.instance.id}`);
}

describe('what a reload would change', () => {
  it('is nothing where the files say the same', async () => {
    const same = await diff(OLD);
    expect(same).toEqual({ registries: [], modes: [], checks: [], targets: [], kept: 4, rest: false });
  });

  it('is something that makes no target where only other parts differ', async () => {
    const policies = `${OLD}policies: [{ match: { service: "*" }, guard: { maxUnavailable: 20% } }]\n`;
    expect(await diff(policies)).toEqual({
      registries: [],
      modes: [],
      checks: [],
      targets: [],
      kept: 4,
      rest: true,
    });
  });

  it('is a check with all its targets', async () => {
    const changed = await diff(OLD.replace('/healthz', '/health'));
    expect(changed.checks).toEqual([{ name: 'web', change: 'changed' }]);
    expect(short(changed)).toEqual(['~web a1', '~web a2', '~web a3']);
    expect(changed.kept).toBe(1);
    const added = await diff(
      `${OLD}  - { name: more, match: { service: web-shop }, probe: { kind: tcp } }\n`,
    );
    expect(added.checks).toEqual([{ name: 'more', change: 'added' }]);
    expect(short(added)).toEqual(['+more a2', '+more a3']);
    const removed = await diff(OLD.replace(/.*name: port.*\n/, ''));
    expect(removed.checks).toEqual([{ name: 'port', change: 'removed' }]);
    expect(short(removed)).toEqual(['-port a1']);
  });

  it('is the targets that a match gains and loses, beside the check that is another', async () => {
    const narrower = await diff(OLD.replace('"web-*"', 'web-shop'));
    expect(short(narrower)).toEqual(['-web a1', '~web a2', '~web a3']);
  });

  it('is a registry, and what goes with it', async () => {
    const renamed = await diff(OLD.replace('name: local', 'name: place'));
    expect(renamed.registries).toEqual([
      { name: 'place', change: 'added' },
      { name: 'local', change: 'removed' },
    ]);
    expect(short(renamed)).toEqual(['-web a1', '-port a1', '-web a2', '-web a3']);
    const moved = await diff(OLD.replace('./providers.yaml', './others.yaml'));
    expect(moved.registries).toEqual([{ name: 'local', change: 'changed' }]);
    expect(moved.kept).toBe(4);
  });

  it('is the mode of a registry', async () => {
    const { modes, rest } = await diff(OLD.replace('mode: apply', 'mode: dry-run'));
    expect(modes).toEqual([{ registry: 'local', from: 'apply', to: 'dry-run' }]);
    expect(rest).toBe(false);
  });

  it('is not that the new file lies elsewhere', async () => {
    const here = await loaded(OLD);
    const there = { ...here, baseDir: '/home/ana/work' };
    expect(diffConfig(there, builtins, running(here))).toMatchObject({ checks: [], registries: [] });
    // The server's name for a folder of files.
    expect(diffConfig(there, builtins, running(here, '/etc/sonde'))).toMatchObject({
      checks: [],
      registries: [],
    });
  });
});
