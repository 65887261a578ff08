import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { head, line } from '../../src/metrics/exposition.ts';
import { parseExposition } from './parse.ts';

const family = {
  name: 'probe_success',
  type: 'gauge',
  help: 'Whether it passed.',
  labels: ['svc', 'target'],
  path: '/metrics/instances',
} as const;

describe('the text format', () => {
  it('brings any names and numbers through a parser unchanged', () => {
    const name = fc.string({
      unit: fc.constantFrom('\\', '"', '\n', '\r', 'n', '{', '}', ',', '=', ' ', '#', '支', '😀'),
    });
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(name, name, number, (svc, target, value) => {
        const parsed = parseExposition(head(family) + line(family, [svc, target], value));
        const sample = { name: 'probe_success', labels: { svc, target }, value: value + 0 };
        expect(parsed.get('probe_success')?.samples).toEqual([sample]);
      }),
    );
  });

  it('is this, to the byte', () => {
    expect(head(family) + line(family, ['a"b\\c\nd\0', 'x:1'], 0.25)).toBe(
      '# HELP probe_success Whether it passed.\n# TYPE probe_success gauge\n' +
        'probe_success{svc="a\\"b\\\\c\\nd\ufffd",target="x:1"} 0.25\n',
    );
    expect(line({ ...family, labels: [] }, [], 1e21)).toBe('probe_success 1e+21\n');
  });
});
