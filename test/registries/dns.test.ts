import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { dnsRegistry } from '../../src/registries/dns/registry.ts';
import { describeRegistry, Follower, listOnce, make } from '../contracts/registry.contract.ts';
import { DnsServer } from '../support/dns-server.ts';
import { describeWith } from '../support/servers.ts';

const never = (): never => {
  throw new Error('it is read only');
};

describeWith('dnsmasq', 'dnsmasq', 'the registry dns against dnsmasq', () => {
  describeRegistry({
    name: 'dns',
    plugin: dnsRegistry,
    skip: [
      { reason: 'it is read only', tests: ['write', 'weight', 'own-update'] },
      { reason: 'an address record has no life of its own', tests: ['new-life'] },
      { reason: 'records do not say that an instance is out of service', tests: ['enabled'] },
      { reason: 'address records have no metadata', tests: ['metadata'] },
    ],
    start: async (scope) => {
      const server = await DnsServer.start(scope);
      const known = new Map<string, Set<string>>();
      const save = (): Promise<void> =>
        server.set(
          [...known].flatMap(([service, addresses]) =>
            [...addresses].map((address) => `host-record=${service}.test,${address},1`),
          ),
        );
      const host = (key: string): string => key.split(':')[0] ?? '';
      const named = (service: string, port: number) => ({
        name: `${service}.test`,
        type: 'A',
        port,
        service,
      });
      return {
        options: {
          names: [named('web', 80), named('db', 5432)],
          servers: [server.address],
          poll: '100ms',
          timeout: '500ms',
        },
        put: (service, key) => {
          known.set(service, (known.get(service) ?? new Set()).add(host(key)));
          return save();
        },
        remove: (service, key) => {
          known.get(service)?.delete(host(key));
          return save();
        },
        outage: () => server.stop(),
        recover: () => server.start(),
        bytes: never,
        edit: never,
        weight: never,
      };
    },
  });

  it('takes SRV records with their ports, weights and priorities, and several families for one service', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await DnsServer.start(scope);
    await server.set([
      'srv-host=_web._tcp.test,a.test,8080,0,10',
      'srv-host=_web._tcp.test,b.test,8081,1,20',
      'host-record=both.test,10.0.0.1,::1,30',
      'srv-host=_closed._tcp.test,.,1,0,0',
    ]);
    const names = [
      { name: '_web._tcp.test', service: 'web', namespace: 'eu' },
      { name: 'both.test', type: 'A', port: 80 },
      { name: 'both.test', type: 'AAAA', port: 80 },
      { name: '_closed._tcp.test' },
    ];
    const services = await listOnce(make(dnsRegistry, { names, servers: [server.address] }, scope));
    expect(
      [...services].map(([service, entries]) => [
        service,
        [...entries.values()].map(({ key, host, port, weight, metadata }) => [
          key,
          host,
          port,
          weight,
          metadata,
        ]),
      ]),
    ).toEqual([
      [
        'web',
        [
          ['a.test:8080', 'a.test', 8080, 10, { priority: '0', weight: '10' }],
          ['b.test:8081', 'b.test', 8081, 20, { priority: '1', weight: '20' }],
        ],
      ],
      [
        'both.test',
        [
          ['10.0.0.1:80', '10.0.0.1', 80, undefined, {}],
          ['[::1]:80', '::1', 80, undefined, {}],
        ],
      ],
      ['_closed._tcp.test', []],
    ]);
  });

  it('asks again when an answer is over, and not before', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await DnsServer.start(scope);
    await server.set(['host-record=web.test,10.0.0.1,1']);
    const follow = (name: string): Follower => {
      const names = [{ name, type: 'A', port: 80 }];
      const follower = new Follower(
        make(dnsRegistry, { names, servers: [server.address], poll: '10s' }, scope),
      );
      scope.defer(() => follower.stop());
      return follower;
    };
    const short = follow('web.test');
    await expect.poll(() => short.confirmations, { timeout: 9_000 }).toBeGreaterThan(1);
  });

  it('fails when one of its names cannot be told, and never tells half', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await DnsServer.start(scope);
    await server.set(['host-record=web.test,10.0.0.1,30']);
    const names = ['web.test', 'elsewhere.example'].map((name) => ({ name, type: 'A', port: 80 }));
    const listing = listOnce(make(dnsRegistry, { names, servers: [server.address] }, scope));
    await expect(listing).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('dns', () => {
  it('takes silence for a failure, within its timeout', async () => {
    await using scope = new AsyncDisposableStack();
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    scope.defer(() => new Promise<void>((resolve) => silent.close(() => resolve())));
    const servers = [`127.0.0.1:${silent.address().port}`];
    const names = [{ name: 'web.test', type: 'A', port: 80 }];
    const listing = listOnce(make(dnsRegistry, { names, servers, timeout: '100ms' }, scope));
    await expect(listing).rejects.toThrow('registry reg: A web.test: no answer within 100 ms');
  });

  it.each([
    [{ names: [] }, 'names'],
    [{ names: [{ name: 'web.test', type: 'A' }] }, 'A records have no port'],
    [{ names: [{ name: 'web.test', port: 80 }] }, 'SRV records bring their own port'],
    [{ names: [{ name: 'a b' }] }, 'not a domain name'],
    [{ names: [{ name: 'web.test' }], servers: ['dns.test'] }, 'not an address'],
    [{ names: [{ name: 'web.test' }], servers: ['::1:53:x'] }, 'not an address'],
  ])('refuses the options %j', async (options, message) => {
    await using scope = new AsyncDisposableStack();
    expect(() => make(dnsRegistry, options, scope)).toThrow(message);
  });
});
