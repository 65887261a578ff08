import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constantText, fill, parseTemplate, TemplateError } from '../../src/probes/template.ts';
import { instanceAt } from '../support/probe-bench.ts';

const HERE = instanceAt({
  host: '10.0.0.1',
  port: 80,
  metadata: { p: '81', empty: '', 'a.b': 'dotted', 'x:y': 'colon' },
});

describe('templates', () => {
  it.each([
    ['plain', 'plain'],
    ['${instance.host}:${instance.port}', '10.0.0.1:80'],
    ['${instance.registry}/${instance.namespace}/${instance.service}', 'r/default/s'],
    ['${instance.metadata.p:-9}', '81'],
    ['${instance.metadata.q:-${instance.port}}', '80'],
    ['${instance.metadata.q:-a${instance.metadata.p}b}c', 'a81bc'],
    ['${instance.metadata.q:-}', ''],
    ['${instance.metadata.q}', undefined],
    ['x${instance.metadata.q:-${instance.metadata.r}}', undefined],
    ['${instance.metadata.empty}', ''],
    ['${instance.metadata.empty:-9}', '9'],
    ['${instance.metadata.a.b}', 'dotted'],
    ['${instance.metadata.x:y:-9}', 'colon'],
    ['${instance.metadata.constructor}', undefined],
    ['${instance.metadata.__proto__:-none}', 'none'],
    ['a } b $ c { d', 'a } b $ c { d'],
  ])('%s', (text, expected) => {
    expect(fill(parseTemplate(text), HERE)).toBe(expected);
  });

  it.each([
    '${',
    'a${instance.port',
    '${instance.prot}',
    '${instance.port.x}',
    '${instance}',
    '${}',
    '${env:X}',
    '${instance.metadata}',
    '${instance.metadata.a:-${instance.metadata.b:-${instance.port}}}',
  ])('refuses %s', (text) => {
    expect(() => parseTemplate(text)).toThrow(TemplateError);
  });

  it('knows what is the same for every instance', () => {
    expect(constantText(parseTemplate('a$b'))).toBe('a$b');
    expect(constantText(parseTemplate('a${instance.port}'))).toBeUndefined();
  });

  it('reads any text or refuses it, and takes text without templates as it is', () => {
    const pieces = fc.constantFrom(
      '${',
      '}',
      ':-',
      'instance.',
      'metadata.',
      'port',
      'host',
      '$',
      'a',
      '{',
      '.',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        try {
          const filled = fill(parseTemplate(text), HERE);
          if (!text.includes('${')) expect(filled).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('never reads what it fills in as a template again', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const text = `\${instance.metadata.v}`;
        const at = instanceAt({ host: 'h', port: 1, metadata: { v: `${value}\${instance.port}` } });
        expect(fill(parseTemplate(text), at)).toBe(`${value}\${instance.port}`);
      }),
    );
  });
});
