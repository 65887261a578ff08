import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { builtins } from '../../src/app/builtins.ts';
import { configSchema } from '../../src/config/json-schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const BAD = join(ROOT, 'test/config/bad');

// Strict, but for what JSON Schema allows and Ajv finds untidy: keywords that hold only for some types.
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
const validate = ajv.compile(configSchema(builtins));

function taken(text: string): boolean {
  return validate(parse(text, { merge: true, logLevel: 'silent' }));
}

/** What the shape of a document tells; the rest is contradictions, names and files. */
const SHAPE = ['SND1003', 'SND1004', 'SND1005', 'SND1006', 'SND1007', 'SND1008'];

/** Of these an editor cannot know. */
const BEYOND = {
  'duration-through-reference.yaml': 'a reference may become anything',
  'reference-typed.yaml': 'a reference may become anything',
  'anchor-without-port.yaml': 'what an anchor is no pattern says',
  'anchor-with-credentials.yaml': 'what an anchor is no pattern says',
  'webhook-url.yaml': 'formats are not looked at, for a reference is no URL',
  'reload-too-often.yaml': 'durations are texts, and texts have no range',
  'interval-zero.yaml': 'durations are texts, and texts have no range',
} as const;

const bad = readdirSync(BAD)
  .filter((name) => name.endsWith('.yaml') && !(name in BEYOND))
  .map((name) => ({ name, text: readFileSync(join(BAD, name), 'utf8') }))
  .filter(({ text }) =>
    SHAPE.some((code) => text.startsWith('# expect: ') && text.split('\n', 1)[0]?.endsWith(code)),
  );

describe('an editor with the JSON Schema', () => {
  it('takes the example', () => {
    expect(taken(readFileSync(join(ROOT, 'probes.example.yaml'), 'utf8'))).toBe(true);
    expect(validate.errors).toBeNull();
  });

  it('lets a reference stand for numbers, choices and durations', () => {
    const text = `version: 1
registries:
  - { name: a, kind: file, path: ./p.yaml, write: { mode: "\${env:MODE:-apply}", maxPerSecond: "\${env:N}" } }
checks:
  - { name: web, probe: { kind: http, redirects: "\${env:R}", tls: { insecure: "\${env:I}" } }, interval: "\${env:T}" }
`;
    expect(taken(text)).toBe(true);
  });

  it('has bad files to refuse', () => {
    expect(bad.length).toBeGreaterThan(40);
  });

  it.each(bad)('refuses $name', ({ text }) => {
    expect(taken(text)).toBe(false);
  });
});
