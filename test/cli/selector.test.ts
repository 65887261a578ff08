import { describe, expect, it } from 'vitest';
import { covers, formatSelector, parseSelector, selects } from '../../src/cli/selector.ts';

const ONE = {
  id: 'a000000000000001',
  registry: 'local',
  namespace: 'shop',
  service: 'web-cart',
  host: 'fd00::1',
  port: 80,
};

describe('a selector', () => {
  it.each([
    ['web-cart', true],
    ['web-*', true],
    ['web', false],
    ['shop/web-cart', true],
    ['bank/web-cart', false],
    ['local/shop/web-c?rt', true],
    ['other/*/*', false],
    ['[fd00::1]:80', true],
    ['[fd00::1]:81', false],
    ['a000000000000001', true],
    ['a000000000000002', false],
  ])('%s selects the instance: %s', (text, expected) => {
    const selector = parseSelector(text) ?? {};
    expect(selects(selector, ONE)).toBe(expected);
    expect(formatSelector(selector)).toBe(text);
  });

  it.each(['', '/', 'a/', '/a', 'a//b', 'a/b/c/d'])('is not %j', (text) => {
    expect(parseSelector(text)).toBeUndefined();
  });

  it('takes a name with a colon and no port for a service', () => {
    expect(parseSelector('com.example:Cart')).toEqual({ service: 'com.example:Cart' });
    expect(parseSelector('x:0')).toEqual({ service: 'x:0' });
  });

  it('is told whole even where it says nothing of a part', () => {
    expect(formatSelector({})).toBe('*');
    expect(formatSelector({ registry: 'local' })).toBe('local/*/*');
    expect(formatSelector({ namespace: 'shop' })).toBe('shop/*');
  });

  it.each([
    ['*', 'web-cart', true],
    ['*', 'shop/web-*', true],
    ['web-cart', 'shop/web-cart', true],
    ['shop/web-cart', 'web-cart', false],
    ['web-cart', 'web-*', false],
    ['web-*', 'web-*', true],
    ['web-*', '10.0.0.1:80', false],
    ['10.0.0.1:80', '10.0.0.1:80', true],
  ])('%s covers %s: %s', (wide, narrow, expected) => {
    expect(covers(parseSelector(wide) ?? {}, parseSelector(narrow) ?? {})).toBe(expected);
  });
});
