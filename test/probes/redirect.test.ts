import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tlsFields } from '../../src/probes/fields.ts';
import { type Hop, hostHeader, nextHop } from '../../src/probes/redirect.ts';
import { instanceAt } from '../support/probe-bench.ts';

const HERE = instanceAt({ host: '10.0.0.1', port: 8443 });
const TLS = tlsFields.parse({ caFile: 'ca.pem', certFile: 'c.pem', keyFile: 'k.pem', serverName: 'here' });

function hop(given: { path?: string; method?: string; body?: string; host?: string } = {}): Hop {
  return {
    to: { address: [given.host ?? '10.0.0.1'], port: ['8443'], family: 'any', tls: TLS },
    request: {
      method: given.method ?? 'GET',
      path: given.path ?? '/a/b?c',
      headers: { host: 'here', authorization: 'Basic x', cookie: 'y', 'user-agent': 'sonde' },
      body: given.body,
      last: false,
    },
  };
}

function follow(location: string, from = hop(), status = 302): Hop | undefined {
  return nextHop(from, { status, headers: { location }, body: Buffer.alloc(0), truncated: false }, HERE, TLS);
}

describe('redirects', () => {
  it.each([
    ['/x?y', '/x?y'],
    ['x', '/a/x'],
    ['https://10.0.0.1:8443/z', '/z'],
    ['//10.0.0.1:8443/z', '/z'],
  ])('%s stays and keeps the credentials', (location, path) => {
    expect(follow(location)).toEqual({
      to: hop().to,
      request: { ...hop().request, path, last: true },
    });
  });

  it.each([
    'https://10.0.0.1/',
    'https://10.0.0.2:8443/',
    '//other/',
    'http://10.0.0.1:8443/',
    'https://[::1]/',
  ])('%s leaves everything behind that was meant for the first place', (location) => {
    const next = follow(location);
    expect(Object.keys(next?.request.headers ?? {}).sort()).toEqual(['host', 'user-agent']);
    expect(next?.to.tls ?? { insecure: false }).not.toHaveProperty('keyFile');
    expect(next?.to.tls ?? { insecure: false }).not.toHaveProperty('serverName');
    expect(next?.request.headers.host).toBe(new URL(location, 'https://x').host);
  });

  it('does not take a path with two slashes for another place', () => {
    const from = hop({ path: '//evil.test/x' });
    expect(follow('https://evil.test/', from)?.request.headers).not.toHaveProperty('authorization');
    expect(follow('y', from)?.request).toMatchObject({ path: '//evil.test/y' });
  });

  it.each([
    [301, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'PUT', 'PUT'],
    [302, 'HEAD', 'HEAD'],
  ])('%i turns %s into %s', (status, method, after) => {
    const next = follow('/x', hop({ method, body: method === 'HEAD' ? '' : 'b' }), status);
    expect(next?.request.method).toBe(after);
    expect(next?.request.body).toBe(after === 'GET' ? undefined : method === 'HEAD' ? '' : 'b');
  });

  it('sends no body to another place', () => {
    expect(follow('https://other/', hop({ method: 'POST', body: 'secret' }), 307)).toBeUndefined();
  });

  it.each(['ftp://10.0.0.1/', 'javascript:alert(1)', 'https://', 'https://a b/'])(
    '%s is not followed',
    (to) => {
      expect(follow(to)).toBeUndefined();
    },
  );

  it('has no URL for a host that fits into none', () => {
    expect(follow('/x', hop({ host: 'a b' }))).toBeUndefined();
    expect(follow('/x', hop({ host: 'fe80::1%eth0' }))).toBeDefined();
  });

  it('carries credentials to the same origin only, whatever it is told', () => {
    const places = fc.oneof(
      fc.webUrl(),
      fc.string(),
      fc.constantFrom('//', '///evil', '\\\\evil', '@evil', 'https:evil'),
    );
    fc.assert(
      fc.property(places, fc.webPath(), fc.boolean(), (location, path, slashes) => {
        const from = hop({ path: slashes ? `/${path || '/'}` : path || '/' });
        const next = follow(location, from);
        if (next?.request.headers.authorization === undefined) return;
        expect(next.to).toEqual(from.to);
      }),
    );
  });

  it.each([
    ['10.0.0.1', '80', false, '10.0.0.1'],
    ['10.0.0.1', '443', false, '10.0.0.1:443'],
    ['::1', '443', true, '[::1]'],
    ['fe80::1%eth0', '81', false, '[fe80::1]:81'],
  ])('host field of %s %s %s is %s', (host, port, tls, expected) => {
    expect(hostHeader(host, port, tls)).toBe(expected);
  });
});
