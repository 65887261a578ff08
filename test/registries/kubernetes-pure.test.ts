import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/core/instance.ts';
import { entriesOf } from '../../src/registries/kubernetes/entries.ts';
import { failureOf } from '../../src/registries/kubernetes/failure.ts';
import { contextOf } from '../../src/registries/kubernetes/kubeconfig.ts';
import { decodePod, decodeSlice, type Thing } from '../../src/registries/kubernetes/objects.ts';
import { kubernetesOptions } from '../../src/registries/kubernetes/options.ts';
import { View } from '../../src/registries/kubernetes/view.ts';

const WEB = { namespace: 'shop', service: 'web' };

interface SliceParts {
  readonly name?: string;
  readonly endpoints: readonly object[];
  readonly labels?: object;
  readonly addressType?: string;
  readonly ports?: readonly object[] | null;
}

function slice({ name = 'web-1', endpoints, labels = {}, addressType = 'IPv4', ports }: SliceParts): Thing {
  const metadata = {
    namespace: 'shop',
    name,
    uid: name,
    resourceVersion: '1',
    labels: { 'kubernetes.io/service-name': 'web', ...labels },
  };
  const named =
    ports === undefined
      ? [
          { name: 'http', port: 80 },
          { name: 'metrics', port: 9090 },
        ]
      : ports;
  const decoded = decodeSlice({ metadata, addressType, endpoints, ports: named });
  if (decoded === undefined) throw new Error('not a slice');
  return decoded;
}

function pod(name: string, more: { metadata?: object; spec?: object; status?: object } = {}): Thing {
  const metadata = { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '1', ...more.metadata };
  const conditions = [{ type: 'ContainersReady', status: 'True' }];
  const decoded = decodePod({ metadata, spec: { ...more.spec }, status: { conditions, ...more.status } });
  if (decoded === undefined) throw new Error('not a Pod');
  return decoded;
}

const ref = (name: string): object => ({ targetRef: { kind: 'Pod', name, uid: `uid-${name}` } });

function entries(things: readonly Thing[], options: object = {}): readonly Entry[] | undefined {
  const decoded = kubernetesOptions.parse(options);
  const view = new View(decoded);
  for (const thing of things) view.put(thing);
  return entriesOf(view, WEB, decoded)?.entries;
}

describe('instances of a Service', () => {
  it('are its endpoints, with the Pod behind them', () => {
    const [entry] =
      entries([
        slice({
          labels: { tier: 'front' },
          endpoints: [{ addresses: ['10.0.0.1'], zone: 'a', nodeName: 'n1', ...ref('web-0') }],
        }),
        pod('web-0', {
          metadata: { labels: { app: 'web' }, annotations: { 'sonde.io/path': '/healthz', other: 'x' } },
        }),
      ]) ?? [];
    expect(entry).toEqual({
      key: '10.0.0.1:80',
      incarnation: 'uid-web-0',
      revision: '',
      host: '10.0.0.1',
      port: 80,
      enabled: true,
      draining: false,
      metadata: {
        tier: 'front',
        app: 'web',
        path: '/healthz',
        'port.http': '80',
        'port.metrics': '9090',
        zone: 'a',
        node: 'n1',
        pod: 'web-0',
      },
    });
  });

  it('are looked at by the port that was named, or by its number', () => {
    const things = [slice({ endpoints: [{ addresses: ['10.0.0.1'] }] })];
    expect(entries(things, { port: 'metrics' })?.map(({ key }) => key)).toEqual(['10.0.0.1:9090']);
    expect(entries(things, { port: 8081 })?.map(({ key }) => key)).toEqual(['10.0.0.1:8081']);
    expect(entries(things, { port: 'grpc' })).toEqual([]);
  });

  it('are none where a slice has no endpoints, and there is no such service without slices', () => {
    expect(entries([slice({ endpoints: [] })])).toEqual([]);
    expect(entries([])).toBeUndefined();
  });

  it('are told once, though they stand in several slices or have two addresses', () => {
    const endpoint = { addresses: ['10.0.0.1'], ...ref('web-0') };
    const things = [
      slice({ name: 'web-6', addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'], ...ref('web-0') }] }),
      slice({ name: 'web-a', endpoints: [endpoint] }),
      slice({ name: 'web-b', endpoints: [endpoint] }),
      slice({ name: 'web-c', addressType: 'IPv6', endpoints: [{ addresses: ['fd00::2'], ...ref('web-1') }] }),
    ];
    expect(
      entries(things)
        ?.map(({ key }) => key)
        .sort(),
    ).toEqual(['10.0.0.1:80', '[fd00::2]:80']);
  });

  it('are those who have an address now, and not who had it before', () => {
    const things = [
      slice({
        endpoints: [
          { addresses: ['10.0.0.1'], conditions: { terminating: true }, ...ref('old') },
          { addresses: ['10.0.0.1'], ...ref('new') },
        ],
      }),
    ];
    expect(entries(things)).toMatchObject([{ incarnation: 'uid-new', draining: false }]);
  });

  it('drain while their Pod is being deleted', () => {
    const gone = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    const endpoints = [{ addresses: ['10.0.0.1'], ...ref('web-0') }];
    expect(entries([slice({ endpoints }), pod('web-0', { metadata: gone })])).toMatchObject([
      { draining: true },
    ]);
    // A StatefulSet's next Pod has the same name.
    const next = pod('web-0', { metadata: { uid: 'another' } });
    expect(entries([slice({ endpoints }), next])).toMatchObject([
      { incarnation: 'uid-web-0', draining: false },
    ]);
  });

  it('are enabled when all but our own gate hold', () => {
    const endpoints = [{ addresses: ['10.0.0.1'], conditions: { ready: false }, ...ref('web-0') }];
    const enabled = (conditions: readonly object[]): boolean | undefined => {
      const readinessGates = [{ conditionType: 'sonde.io/healthy' }, { conditionType: 'lb/ready' }];
      const one = pod('web-0', { spec: { readinessGates }, status: { conditions } });
      return entries([slice({ endpoints }), one])?.[0]?.enabled;
    };
    const containers = { type: 'ContainersReady', status: 'True' };
    const other = { type: 'lb/ready', status: 'True' };
    expect(enabled([containers, other])).toBe(true);
    expect(enabled([containers, other, { type: 'sonde.io/healthy', status: 'False' }])).toBe(true);
    expect(enabled([containers])).toBe(false);
    expect(enabled([{ ...containers, status: 'False' }, other])).toBe(false);
    expect(entries([slice({ endpoints })], { pods: false })?.[0]?.enabled).toBe(false);
  });
});

describe('Pods by their labels', () => {
  it('are instances once they have an address, until they are over', () => {
    const labels = { 'app.kubernetes.io/name': 'web' };
    const spec = { containers: [{ ports: [{ name: 'http', containerPort: 8080 }] }] };
    const things = [
      pod('a', { metadata: { labels }, spec, status: { podIP: '10.0.0.1', phase: 'Running' } }),
      pod('b', { metadata: { labels }, spec, status: { phase: 'Pending' } }),
      pod('c', { metadata: { labels }, spec, status: { podIP: '10.0.0.3', phase: 'Succeeded' } }),
      pod('d', { spec, status: { podIP: '10.0.0.4', phase: 'Running' } }),
    ];
    expect(entries(things, { source: 'pods' })).toMatchObject([
      { key: '10.0.0.1:8080', incarnation: 'uid-a', metadata: { pod: 'a', 'port.http': '8080' } },
    ]);
  });
});

describe('a view', () => {
  const thing = fc.oneof(
    fc
      .record({
        name: fc.constantFrom('s1', 's2', 's3'),
        pods: fc.subarray(['p1', 'p2', 'p3']),
        service: fc.constantFrom('web', 'db'),
      })
      .map(({ name, pods, service }) =>
        slice({
          name,
          labels: { 'kubernetes.io/service-name': service },
          endpoints: pods.map((one) => ({ addresses: [`10.0.0.${one.slice(1)}`], ...ref(one) })),
        }),
      ),
    fc
      .record({ name: fc.constantFrom('p1', 'p2', 'p3'), label: fc.constantFrom('x', 'y') })
      .map(({ name, label }) => pod(name, { metadata: { labels: { label } } })),
  );

  it('is after any changes what a fresh listing of the same would be, and names all that they touched', () => {
    const options = kubernetesOptions.parse({});
    const services = ['web', 'db'].map((service) => ({ namespace: 'shop', service }));
    const look = (view: View): string[] =>
      services.map((service) => JSON.stringify(entriesOf(view, service, options) ?? 'none'));
    fc.assert(
      fc.property(fc.array(fc.tuple(thing, fc.boolean()), { maxLength: 25 }), (changes) => {
        const view = new View(options);
        const standing = new Map<string, Thing>();
        for (const [one, put] of changes) {
          const before = look(view);
          const touched = put ? view.put(one) : view.delete(one);
          const key = `${one.kind}/${one.metadata.name}`;
          if (put) standing.set(key, one);
          else standing.delete(key);
          const after = look(view);
          for (const [index, { service }] of services.entries())
            if (before[index] !== after[index])
              expect(touched.map((name) => name.service)).toContain(service);
        }
        const fresh = new View(options);
        for (const one of [...standing.values()].sort((a, b) => (a.kind < b.kind ? -1 : 1))) fresh.put(one);
        expect(look(view)).toEqual(look(fresh));
      }),
    );
  });
});

describe('a kubeconfig', () => {
  const config = (user: object, cluster: object = {}): string =>
    JSON.stringify({
      'current-context': 'dev',
      clusters: [{ name: 'c', cluster: { server: 'https://k8s.internal:6443', ...cluster } }],
      contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user }],
    });

  it('gives certificates from its text before those from files', () => {
    const found = contextOf(
      config(
        { 'client-certificate': 'a.crt', 'client-key-data': Buffer.from('KEY').toString('base64') },
        {
          'certificate-authority': 'ca.crt',
          'certificate-authority-data': Buffer.from('CA').toString('base64'),
        },
      ),
      undefined,
    );
    expect(found).toMatchObject({
      server: 'https://k8s.internal:6443',
      verify: true,
      ca: { text: 'CA' },
      cert: { file: 'a.crt' },
      key: { text: 'KEY' },
      token: undefined,
    });
  });

  it.each([
    ['a program to log in', config({ exec: { command: 'aws' } }), undefined, 'a program (exec)'],
    ['an auth-provider', config({ 'auth-provider': { name: 'gcp' } }), undefined, 'auth-provider'],
    ['a password', config({ username: 'u', password: 'p' }), undefined, 'a password'],
    ['a proxy', config({}, { 'proxy-url': 'http://p' }), undefined, 'proxy-url'],
    ['another context', config({}), 'prod', 'no context prod'],
    ['no context', '{clusters: [], contexts: []}', undefined, 'no current-context'],
    ['no clusters', '{contexts: []}', undefined, 'not a kubeconfig: clusters'],
    ['what is no YAML', '{{{', undefined, 'not a kubeconfig'],
    ['a list', '[]', undefined, 'not a kubeconfig'],
  ])('with %s cannot be used, and says why', (_, text, context, reason) => {
    expect(contextOf(text, context)).toContain(reason);
  });

  it('never throws, and never shows a secret', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        contextOf(text, undefined);
      }),
    );
    expect(JSON.stringify(contextOf(config({ token: { 'my-secret': 1 } }), undefined))).not.toContain(
      'my-secret',
    );
  });
});

describe('what the apiserver answers', () => {
  it('is never taken for more than it says, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        decodePod(value);
        decodeSlice(value);
        expect(failureOf(500, JSON.stringify(value)).code).toBe('unreachable');
      }),
    );
    expect(failureOf(403, '{"kind":"Status","message":"pods is forbidden"}')).toEqual({
      code: 'forbidden',
      message: 'pods is forbidden',
    });
    expect(failureOf(502, '<html>')).toEqual({ code: 'unreachable', message: 'HTTP status 502' });
  });
});

describe('the options', () => {
  it.each([
    [{ server: 'http://127.0.0.1:8080' }, 'verified TLS'],
    [{ tls: { insecure: true } }, 'verified TLS'],
    [{ kubeconfig: 'x', server: 'https://a' }, 'stands in the kubeconfig'],
    [{ kubeconfig: 'x', tokenFile: 't' }, 'stands in the kubeconfig'],
    [{ context: 'dev' }, 'needs kubeconfig'],
    [{ source: 'pods', podSelector: 'a=b' }, 'is selector'],
    [{ conditionType: 'healthy' }, 'example.com/healthy'],
    [{ namespaces: ['Shop/x'] }, 'not the name of a namespace'],
    [{ timeout: '0s' }, 'more than nothing'],
  ])('%j are refused with a reason', (options, reason) => {
    const result = kubernetesOptions.safeParse(options);
    expect(result.success ? '' : JSON.stringify(result.error.issues)).toContain(reason);
  });
});
