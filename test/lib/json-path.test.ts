import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atJsonPath, parseJsonPath } from '../../src/lib/json-path.ts';

describe('paths into JSON', () => {
  it.each([
    ['$', []],
    ['$.a.b[0]', ['a', 'b', 0]],
    ["$.a.b[0]['c']", ['a', 'b', 0, 'c']],
    ["$['a b']['it\\'s']", ['a b', "it's"]],
    ['$["a\\\\b"][-1]', ['a\\b', -1]],
    ['$.größe', ['größe']],
    ["$['']", ['']],
  ])('%s', (text, path) => {
    expect(parseJsonPath(text)).toEqual(path);
  });

  it.each([
    '',
    'a',
    '.a',
    '$a',
    '$.',
    '$..a',
    '$.*',
    '$.a[*]',
    '$[0:1]',
    '$[?@.a]',
    '$.a ',
    '$[0',
    "$['a]",
    '$[1.5]',
    '$.1',
  ])('refuses %s', (text) => {
    expect(parseJsonPath(text)).toBeUndefined();
  });

  it('finds nothing that is not there', () => {
    expect(atJsonPath({ a: [1] }, ['a', 1])).toBeUndefined();
    expect(atJsonPath({ a: [1] }, ['a', '0'])).toBeUndefined();
    expect(atJsonPath({ 0: 1 }, [0])).toBeUndefined();
    expect(atJsonPath({}, ['__proto__'])).toBeUndefined();
    expect(atJsonPath({}, ['constructor'])).toBeUndefined();
    expect(atJsonPath('text', ['length'])).toBeUndefined();
    expect(atJsonPath([1, 2], [-1])).toBe(2);
    expect(atJsonPath(null, ['a'])).toBeUndefined();
  });

  it('finds what stands at any place, however the place is written', () => {
    const step = fc.oneof(fc.string(), fc.nat(5));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), fc.jsonValue(), (path, leaf) => {
        const value = path.reduceRight<unknown>(
          (inner, one) =>
            typeof one === 'number'
              ? [...Array.from({ length: one }, () => null), inner]
              : JSON.parse(`{${JSON.stringify(one)}:${JSON.stringify(inner)}}`),
          JSON.parse(JSON.stringify(leaf)),
        );
        const text = path
          .map((one) => (typeof one === 'number' ? `[${one}]` : `['${one.replace(/['\\]/g, '\\$&')}']`))
          .join('');
        const parsed = parseJsonPath(`$${text}`);
        expect(parsed).toEqual(path);
        expect(atJsonPath(value, parsed ?? [])).toEqual(JSON.parse(JSON.stringify(leaf)));
      }),
    );
  });

  it('reads or refuses any text', () => {
    const pieces = fc.constantFrom('$', '.', '[', ']', "'", '"', '\\', 'a', '0', '-', '*');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 15 }), (parts) => {
        const path = parseJsonPath(parts.join(''));
        if (path !== undefined) expect(atJsonPath({}, path)).toEqual(path.length === 0 ? {} : undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});
