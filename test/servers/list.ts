/** THE list of real servers that tests are run against, and how each is had. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export type Origin =
  /** A package of Debian that brings the program. */
  | { readonly kind: 'debian'; readonly program: string; readonly package: string }
  /** `.ci/servers/SCRIPT` puts it into the cache and prints where; `slow`: it takes many minutes, unless told `--cached`. */
  | { readonly kind: 'script'; readonly script: string; readonly slow: boolean };

export interface Server {
  /** As `describeWith` and `SONDE_REQUIRE_SERVERS` have it. */
  readonly name: string;
  readonly origin: Origin;
  /** Paths below `test/` that the files with its tests begin with. */
  readonly tests: readonly string[];
}

const debian = (program: string, of = program): Origin => ({ kind: 'debian', program, package: of });

const DEBIAN: readonly Server[] = [
  { name: 'etcd', origin: debian('etcd', 'etcd-server'), tests: ['registries/etcd', 'scenarios/etcd'] },
  { name: 'redis', origin: debian('redis-server'), tests: ['registries/redis'] },
  {
    name: 'zookeeper',
    origin: debian('/usr/share/zookeeper/bin/zkServer.sh', 'zookeeper'),
    tests: ['registries/zookeeper'],
  },
  { name: 'dnsmasq', origin: debian('dnsmasq', 'dnsmasq-base'), tests: ['registries/dns'] },
  { name: 'prometheus', origin: debian('prometheus'), tests: ['deploy/prometheus', 'deploy/scrape'] },
  { name: 'haproxy', origin: debian('haproxy'), tests: ['consumers/haproxy'] },
  { name: 'nginx', origin: debian('nginx', 'nginx-light'), tests: ['consumers/nginx'] },
];

/** Built with Go. */
const SLOW = ['consul', 'kube-apiserver'];

/** Where a server's tests are elsewhere than under its own name. */
const TESTS: Readonly<Record<string, readonly string[]>> = {
  consul: ['registries/consul', 'scenarios/consul'],
  'kube-apiserver': ['registries/kubernetes', 'scenarios/kubernetes'],
  nacos: ['registries/nacos', 'scenarios/nacos'],
};

/** Every script of `.ci/servers` brings the server that it is named after. */
const scripts = readdirSync(join(import.meta.dirname, '../../.ci/servers'))
  .filter((file) => file.endsWith('.sh'))
  .sort()
  .map((script): Server => {
    const name = script.slice(0, -'.sh'.length);
    const origin = { kind: 'script', script, slow: SLOW.includes(name) } as const;
    return { name, origin, tests: TESTS[name] ?? [`registries/${name}`] };
  });

export const SERVERS: readonly Server[] = [...DEBIAN, ...scripts];
