import { describe, expect, it } from 'vitest';
import { zookeeperOptions } from '../../../src/registries/zookeeper/options.ts';
import { PathPattern, patternFault } from '../../../src/registries/zookeeper/path-pattern.ts';

const DEFAULTS = { namespace: 'default', service: '' };
const pattern = (text: string, service = ''): PathPattern => new PathPattern(text, { ...DEFAULTS, service });

describe('a pattern of paths', () => {
  it('reads what it writes', () => {
    const one = pattern('/env/{namespace}/services/{service}/{id}');
    const place = { namespace: 'shop', service: 'cart', id: 'a b', host: undefined, port: undefined };
    expect(one.pathOf(place)).toBe('/env/shop/services/cart/a b');
    expect(one.placeOf('/env/shop/services/cart/a b')).toEqual(place);
    expect(one.root).toBe('/env');
    expect(one.groupsServices).toBe(true);
    for (const path of ['/env/shop/services/cart', '/env/shop/other/cart/x', '/x/shop/services/cart/x'])
      expect(one.placeOf(path)).toBeUndefined();
  });

  it('takes host and port from the path', () => {
    const one = pattern('/alive/{host}:{port}', 'cart');
    expect(one.placeOf('/alive/10.0.0.1:80')).toMatchObject({
      id: '10.0.0.1:80',
      host: '10.0.0.1',
      port: 80,
    });
    expect(one.placeOf('/alive/::1:80')).toMatchObject({ id: '[::1]:80', host: '::1' });
    expect(one.placeOf('/alive/10.0.0.1:99999')).toBeUndefined();
    expect(one.groupsServices).toBe(false);
    expect(pattern('/alive/{service}@{id}').groupsServices).toBe(false);
  });

  it.each([
    ['services/{service}/{id}', 'absolute'],
    ['/{service}/{id}', 'begin with a segment without'],
    ['/a/{service}', 'needs {id}'],
    ['/a/{id}', 'needs {service}'],
    ['/a/{service}/{id}/tail', 'end with a segment with'],
    ['/a/{service}/{id}/{id}', 'once'],
    ['/a/{service}/{host}{port}', 'between two'],
  ])('has a fault: %s', (text, fault) => {
    expect(patternFault(text, undefined)).toContain(fault);
  });
});

describe('the options', () => {
  const problems = (options: object): readonly string[] =>
    zookeeperOptions
      .safeParse({ servers: ['127.0.0.1:2181'], ...options })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  it.each([
    [{ servers: ['zk'] }, 'servers.0: not an address'],
    [{ layout: 'path' }, 'pattern: belongs to layout: path, and is needed there'],
    [{ pattern: '/a/{service}/{id}' }, 'pattern: belongs to layout: path'],
    [{ root: 'dubbo' }, 'root: not an absolute path'],
    [{ username: 'a', insecure: true }, 'username: needs password'],
    [{ username: 'a', password: 'b' }, 'username: credentials are sent only over verified TLS'],
    [{ username: 'a', password: 'b', tls: { insecure: true } }, 'username: credentials are sent only'],
    [{ username: 'a', password: 'b', passwordFile: 'c', insecure: true }, 'passwordFile: give either'],
    [{ acl: 'creator' }, 'acl: needs username'],
    [{ tls: { certFile: 'a' } }, 'tls: certFile and keyFile belong together'],
    [{ layout: 'path', pattern: '/a/{service}/{id}', value: 'none' }, 'value: none needs {host} and {port}'],
    [{ layout: 'path', pattern: '/a/{service}/{id}', marks: 'node', weight: {} }, 'weight: has no effect'],
    [{ marks: 'node' }, 'marks: belongs to layout: path'],
  ])('say what is wrong: %j', (options, problem) => {
    expect(problems(options)).toEqual([expect.stringContaining(problem)]);
  });

  it('take what belongs together', () => {
    expect(problems({ username: 'a', password: 'b', tls: {} })).toEqual([]);
    expect(problems({ layout: 'path', pattern: '/a/{host}:{port}', service: 'x', value: 'none' })).toEqual(
      [],
    );
  });
});
