import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serverTable } from '../support/server-reporter.ts';
import { SERVERS } from './list.ts';

const TEST = join(import.meta.dirname, '..');
const TOP = { type: 'module' } as const;

function test(suite: string, name: string, state: 'passed' | 'failed' | 'skipped' | 'pending') {
  const outer = { type: 'suite', name: suite, parent: TOP } as const;
  return {
    name,
    result: () => ({ state }),
    parent: { type: 'suite', name: 'the contract', parent: outer } as const,
  };
}

describe('the table of npm run test:servers', () => {
  it('counts the tests of each server, and says loudly which was not had', () => {
    const had = [
      { name: 'etcd', version: '3.4.23' },
      { name: 'nacos', version: '2.5.0, 3.1.0' },
      { name: 'consul', version: '', why: 'Consul 1.22.7 is not in /root/.cache' },
    ];
    const tests = [
      test('etcd, a real one [etcd]', 'writes', 'passed'),
      test('etcd, a real one [etcd]', 'hangs for ever', 'pending'),
      test('etcd, a real one [etcd]', 'fails', 'failed'),
      test('etcd, a real one [etcd]', 'scales a weight (weights stand in (other) keys)', 'skipped'),
      test(
        'Consul, a real one (consul is not on this machine (no program consul)) [consul]',
        'writes',
        'skipped',
      ),
      test('Nacos [nacos 2.5.0]', 'writes', 'passed'),
      test('Nacos [nacos 3.1.0]', 'writes', 'passed'),
      test('Nacos [nacos 3.1.0]', 'lists', 'passed'),
      test('the engine', 'runs', 'passed'),
    ];
    expect(serverTable(had, tests)).toBe(`
server  version  tests run  passed  failed  skipped  why
etcd    3.4.23   3          1       2       1        weights stand in (other) keys
consul  –        0          0       0       1        NOT HAD: Consul 1.22.7 is not in /root/.cache
nacos   2.5.0    1          1       0       0
nacos   3.1.0    2          2       0       0
`);
  });
});

describe('the list of servers', () => {
  const files = readdirSync(TEST, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.test.ts'),
  );

  it.each(SERVERS)('has tests of $name', ({ name, tests }) => {
    const own = files.filter((file) => tests.some((path) => file.startsWith(path)));
    expect(own.length, name).toBeGreaterThan(0);
  });

  it('has every server that tests of registries and consumers need', () => {
    const needed = files
      .filter((file) => /^(registries|consumers)\//.test(file))
      .flatMap((file) => [
        ...readFileSync(join(TEST, file), 'utf8').matchAll(/describe(?:With|Unless)\(\s*'([a-z0-9-]+)'/g),
      ])
      .map(([, name]) => name);
    expect(needed.length).toBeGreaterThan(5);
    expect(SERVERS.map(({ name }) => name)).toEqual(expect.arrayContaining([...new Set(needed)]));
  });
});
