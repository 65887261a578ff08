import { describe, expect, it } from 'vitest';
import { fillReferences, InterpolationError, parseReferences } from '../../src/config/interpolation.ts';
import { typedScalar } from '../../src/config/scalar.ts';
import { HEAD, loaded, problemsOf } from '../support/config-bench.ts';

const env = { HOST: 'db', PORT: '8080', EMPTY: '', TRICK: '${env:HOST}', YAML: 'x: [1, 2]' };

function filled(text: string): string {
  const file = (path: string) => (path === '/run/secret' ? { text: 's3cret' } : { error: 'no such file' });
  const { text: found, missing } = fillReferences(parseReferences(text), { env, file });
  return missing.length > 0 ? missing.map(({ message }) => message).join('; ') : found;
}

describe('references', () => {
  it.each([
    ['plain', 'plain'],
    ['${env:HOST}', 'db'],
    ['a-${env:HOST}:${env:PORT}-b', 'a-db:8080-b'],
    ['${env:NONE:-x}', 'x'],
    ['${env:EMPTY:-x}', 'x'],
    ['${env:EMPTY}', ''],
    ['${env:NONE:-}', ''],
    ['${env:HOST:-x}', 'db'],
    ['${env:NONE:-${env:PORT}}', '8080'],
    ['${env:NONE:-${env:NONE:-y}}', 'y'],
    ['${env:NONE:-a}b}', 'ab}'],
    ['${file:/run/secret}', 's3cret'],
    ['${env:NONE:-${file:/run/secret}}', 's3cret'],
    // Not looked at again.
    ['${env:TRICK}', '${env:HOST}'],
    ['$$', '$'],
    ['$${env:HOST}', '${env:HOST}'],
    ['$$$${env:HOST}', '$${env:HOST}'],
    ['cost $5 and $', 'cost $5 and $'],
    // Those of instances are the probe's.
    ['${instance.port}', '${instance.port}'],
    ['${instance.metadata.m:-${instance.port}}', '${instance.metadata.m:-${instance.port}}'],
    ['${instance.metadata.path:-${env:HOST}}', '${instance.metadata.path:-db}'],
    ['${env:NONE:-${instance.port}}', '${instance.port}'],
    ['${env:NONE}', 'the environment variable NONE is not set'],
    ['${file:/none}', 'the file /none cannot be read: no such file'],
    // What every object has is no variable.
    ['${env:constructor}', 'the environment variable constructor is not set'],
  ])('%s becomes %s', (text, expected) => {
    expect(filled(text)).toBe(expected);
  });

  it.each([
    '${',
    '${}',
    '${HOST}',
    '${env:}',
    '${env:A B}',
    '${env:A',
    '${env:A:-${env:B}',
    '${file:}',
    '${file:${env:DIR}/x}',
    '${ENV:HOST}',
    '${env:A:-${env:B:-${env:C}}}',
  ])('%s is malformed', (text) => {
    expect(() => parseReferences(text)).toThrow(InterpolationError);
  });
});

describe('a value with references', () => {
  const at = (value: string) =>
    `${HEAD}checks:\n  - { name: web, probe: { kind: http } }\nengine:\n  perHost: ${value}\n`;

  it('has the type of its text unless it is quoted', async () => {
    const known = { env: { N: '7' } };
    expect((await loaded(at('${env:N}'), known)).engine.perHost).toBe(7);
    expect(await problemsOf(at('"${env:N}"'), known)).toEqual([
      '7:12 SND1005 must be a number, not a text (value of ${env:N})',
    ]);
  });

  it('never becomes a part of the structure', async () => {
    expect(await problemsOf(at('${env:N}'), { env: { N: '{ perHost: 3 }' } })).toEqual([
      '7:12 SND1005 must be a number, not a text (value of ${env:N})',
    ]);
  });

  it('is no key', async () => {
    const text = `${HEAD}checks:\n  - { name: web, probe: { kind: http } }\nengine:\n  "\${env:KEY}": 3\n`;
    expect(await problemsOf(text, { env: { KEY: 'perHost' } })).toEqual([
      '7:3 SND1003 unknown key `${env:KEY}`',
    ]);
  });

  it('may come from a file', async () => {
    const read: string[] = [];
    const readFile = (path: string) => {
      read.push(path);
      return Promise.resolve('12\n');
    };
    expect((await loaded(at('${file:./n}'), { readFile })).engine.perHost).toBe(12);
    expect(read).toEqual(['/etc/sonde/n']);
  });
});

describe('an unquoted text', () => {
  it.each([
    ['', null],
    ['~', null],
    ['null', null],
    ['true', true],
    ['FALSE', false],
    ['no', 'no'],
    ['42', 42],
    ['-1', -1],
    ['0x1f', 31],
    ['0o17', 15],
    ['0123', 123],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1e3', 1_000],
    ['5s', '5s'],
    ['2xx', '2xx'],
    ['1_000', '1_000'],
    ['50%', '50%'],
  ])('%j is %j, as YAML has it', (text, expected) => {
    expect(typedScalar(text)).toBe(expected);
  });
});
