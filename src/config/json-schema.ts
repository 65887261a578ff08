/** JSON Schema of the configuration file for editors, with the options of every kind. */

import { z } from 'zod';
import type { Catalogue } from '../core/catalogue.ts';
import type { OptionsSchema } from '../core/plugin.ts';
import { checkFields, fileSchema, kindFields, registryFields } from './schema.ts';

/** A schema or a part of one. */
export type Json = { [key: string]: unknown };

/** What an editor must let pass where something else than a text stands: the value comes later. */
const REFERENCE = '\\$\\{';
const REFERENCE_DEFINITION = 'reference';

/** Draft 7: the one that all editors take. */
export function configSchema(catalogue: Catalogue): Json {
  const definitions: Json = {
    [REFERENCE_DEFINITION]: {
      type: 'string',
      pattern: REFERENCE,
      description: 'A reference: ${env:NAME} or ${file:/path}',
    },
  };
  const byKind = (group: string, kinds: Catalogue[keyof Catalogue], own: Json): Json => {
    for (const { name, summary, options } of kinds) {
      const { definitions: inner, ...body } = convert(options, `${group}-${name}.`);
      Object.assign(definitions, inner);
      definitions[`${group}-${name}`] = joined(own, body, name, summary);
    }
    return chooser(kinds, group, own);
  };
  const root = convertOwn(fileSchema);
  const properties = propertiesOf(root);
  const check = { ...convertOwn(checkFields) };
  Object.assign(propertiesOf(check), { probe: byKind('probe', catalogue.probes, convertOwn(kindFields)) });
  Object.assign(properties, {
    registries: {
      ...part(properties.registries),
      items: byKind('registry', catalogue.registries, convertOwn(registryFields)),
    },
    rules: {
      ...part(properties.rules),
      additionalProperties: byKind('rule', catalogue.rules, convertOwn(kindFields)),
    },
    checks: { ...part(properties.checks), items: check },
  });
  const { $schema, ...rest } = root;
  const schema = {
    $schema,
    title: 'Configuration of sonde',
    ...rest,
    patternProperties: { '^x-': { description: 'Not looked at: a home for anchors' } },
    definitions,
  };
  return part(withReferences(schema));
}

function convertOwn(schema: z.ZodType): Json {
  return { ...z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' }) };
}

/** Definitions of the options' own get a prefix; options of another library than zod may be anything. */
function convert(options: OptionsSchema<unknown>, prefix: string): Json {
  if (!(options instanceof z.ZodType)) return {};
  const { $schema: _, definitions, ...body } = convertOwn(options);
  const renamed = Object.entries(part(definitions)).map(([name, one]) => [`${prefix}${name}`, one]);
  const text = JSON.stringify({ ...body, definitions: Object.fromEntries(renamed) });
  return JSON.parse(text.replaceAll('"#/definitions/', `"#/definitions/${prefix}`));
}

/** The keys of its own and the options of the kind in one strict map. */
function joined(own: Json, options: Json, name: string, summary: string): Json {
  const known = options.properties !== undefined;
  return {
    type: 'object',
    description: summary,
    properties: {
      ...propertiesOf(own),
      kind: { const: name, description: summary },
      ...(known && propertiesOf(options)),
    },
    required: [...names(own.required), ...names(options.required)],
    additionalProperties: !known,
  };
}

/** One branch a kind: an editor then tells what is wrong with that kind, not that no kind fits. */
function chooser(kinds: Catalogue[keyof Catalogue], group: string, own: Json): Json {
  return {
    type: 'object',
    properties: { kind: { enum: kinds.map(({ name }) => name), description: `Kind of ${group}` } },
    required: names(own.required),
    allOf: kinds.map(({ name }) => ({
      if: { properties: { kind: { const: name } }, required: ['kind'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { $ref: `#/definitions/${group}-${name}` },
    })),
  };
}

/** Lets a reference stand for every number, truth value, choice and text of a certain form. */
function withReferences(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => withReferences(one, key));
  if (typeof value !== 'object' || value === null) return value;
  if (key === 'kind' || key === 'if' || key === REFERENCE_DEFINITION) return value;
  const schema: Json = {};
  for (const [name, one] of Object.entries(value)) schema[name] = withReferences(one, name);
  const { type, pattern } = schema;
  // A reference is no URI.
  if (typeof schema.format === 'string') delete schema.format;
  if (Array.isArray(schema.enum)) {
    const { description, default: otherwise, ...choice } = schema;
    const said = {
      ...(description !== undefined && { description }),
      ...(otherwise !== undefined && { default: otherwise }),
    };
    return { ...said, anyOf: [choice, { $ref: `#/definitions/${REFERENCE_DEFINITION}` }] };
  }
  if (type === 'string' && typeof pattern === 'string')
    return { ...schema, pattern: `(${pattern})|${REFERENCE}` };
  if ((type === 'integer' || type === 'number' || type === 'boolean') && schema.const === undefined)
    return { ...schema, type: [type, 'string'], pattern: REFERENCE };
  return schema;
}

function propertiesOf(schema: Json): Json {
  return part(schema.properties);
}

function part(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function names(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
