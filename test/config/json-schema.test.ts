import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { configSchema } from '../../src/config/json-schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const schema = configSchema(builtins);

describe('the JSON Schema', () => {
  it('is the one in the repository (npm run generate)', () => {
    const committed: unknown = JSON.parse(readFileSync(join(ROOT, 'probes.schema.json'), 'utf8'));
    expect(committed).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  it('has a strict branch for every kind', () => {
    const { definitions } = schema as { readonly definitions: Readonly<Record<string, unknown>> };
    const groups = { probe: builtins.probes, rule: builtins.rules, registry: builtins.registries };
    for (const [group, kinds] of Object.entries(groups))
      for (const { name } of kinds)
        expect(definitions[`${group}-${name}`]).toMatchObject({
          additionalProperties: false,
          properties: { kind: { const: name } },
          required: expect.arrayContaining(['kind']),
        });
  });

  it('refers only to what is in it', () => {
    const { definitions } = schema as { readonly definitions: Readonly<Record<string, unknown>> };
    const references = [...JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to = '']) => to);
    expect(references.length).toBeGreaterThan(5);
    for (const to of references)
      expect(Object.keys(definitions)).toContain(to.replace(/^#\/definitions\//, ''));
  });

  it('takes options of another library as they come', () => {
    const options = {
      '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
    } as const;
    const rule = { name: 'mine', summary: 'Mine.', options, create: () => ({}) as never };
    const { definitions } = configSchema({ ...builtins, rules: [rule] });
    expect(definitions).toMatchObject({ 'rule-mine': { additionalProperties: true } });
  });
});
