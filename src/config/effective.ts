/** What is in force after a configuration, value by value, each with where it comes from. Pure. */

import type { Catalogue } from '../core/catalogue.ts';
import { formatDuration } from '../lib/duration.ts';
import { configSchema, type Json } from './json-schema.ts';
import { STANDARD_RULE } from './names.ts';
import { isSecret } from './secret.ts';
import type { Source } from './source.ts';
import { type TimeKey, timesOf } from './times.ts';
import { childOf, type MapNode, type Node, type Path, type ScalarNode, shownText, textOf } from './tree.ts';

/** As it is written in a file: durations and shares are texts. */
export type Effective =
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Effective> }
  | { readonly kind: 'list'; readonly items: readonly Effective[] }
  /** A scalar, or a list or map with nothing in it. */
  | { readonly kind: 'value'; readonly value: Value; readonly origin: string };

export type Value = ScalarNode['value'] | readonly never[] | Readonly<Record<string, never>>;

const BUILT_IN = 'default of the program';
const REDACTED = '<redacted>';

/** Of a configuration that holds; `catalogue` has the kinds of its plugins. */
export function effectiveOf(root: MapNode, source: Source, catalogue: Catalogue): Effective {
  const walk = new Walk(root, source, configSchema(catalogue));
  return walk.all();
}

class Walk {
  readonly #root: MapNode;
  readonly #source: Source;
  readonly #schema: Json;

  constructor(root: MapNode, source: Source, schema: Json) {
    this.#root = root;
    this.#source = source;
    this.#schema = schema;
  }

  all(): Effective {
    const entries = new Map([...this.#root.entries].filter(([key]) => !key.startsWith('x-')));
    return this.#map({ ...this.#root, entries }, this.#schema, []);
  }

  #of(node: Node, schema: Json, path: Path): Effective {
    if (node.kind === 'list' && node.items.length === 0)
      return { kind: 'value', value: [], origin: this.#at(node) };
    switch (node.kind) {
      case 'scalar':
        return this.#scalar(node, path);
      case 'list': {
        const items = part(schema.items);
        return {
          kind: 'list',
          items: node.items.map((item, index) => this.#of(item, items, [...path, index])),
        };
      }
      case 'map':
        return this.#map(node, schema, path);
      default:
        return node satisfies never;
    }
  }

  #map(node: MapNode, schema: Json, path: Path): Effective {
    const chosen = this.#branch(node, schema);
    const properties = part(chosen.properties);
    const other = part(chosen.additionalProperties);
    const entries = new Map<string, Effective>();
    for (const [key, { value }] of node.entries) {
      const known = Object.hasOwn(properties, key) ? part(properties[key]) : other;
      entries.set(key, this.#of(value, known, [...path, key]));
    }
    for (const [key, one] of Object.entries(properties)) {
      const { default: otherwise } = part(one);
      if (otherwise !== undefined && !entries.has(key)) entries.set(key, this.#builtIn(otherwise, part(one)));
    }
    if (path.length === 0) this.#addStandard(entries);
    if (path.length === 2 && path[0] === 'checks') this.#addInherited(node, entries);
    return entries.size === 0
      ? { kind: 'value', value: {}, origin: this.#at(node) }
      : { kind: 'map', entries };
  }

  /** A value that is not written, as the schema says it: of a map the defaults of its keys. */
  #builtIn(value: unknown, schema: Json): Effective {
    if (Array.isArray(value) && value.length === 0) return { kind: 'value', value: [], origin: BUILT_IN };
    if (Array.isArray(value))
      return { kind: 'list', items: value.map((one) => this.#builtIn(one, part(schema.items))) };
    if (typeof value !== 'object' || value === null)
      return { kind: 'value', value: isScalar(value) ? value : null, origin: BUILT_IN };
    const entries = new Map<string, Effective>();
    const properties = part(schema.properties);
    for (const key of new Set([...Object.keys(value), ...Object.keys(properties)])) {
      const own: unknown = Object.hasOwn(value, key) ? part(value)[key] : part(properties[key]).default;
      if (own !== undefined) entries.set(key, this.#builtIn(own, part(properties[key])));
    }
    return entries.size === 0 ? { kind: 'value', value: {}, origin: BUILT_IN } : { kind: 'map', entries };
  }

  /** The rule that is there without being written. */
  #addStandard(entries: Map<string, Effective>): void {
    const rules = entries.get('rules');
    const schema = part(part(this.#schema.definitions)['rule-success-rate']);
    const written = rules?.kind === 'map' ? rules.entries : new Map<string, Effective>();
    if (written.has(STANDARD_RULE) || schema.properties === undefined) return;
    const standard = this.#builtIn({ kind: 'success-rate' }, schema);
    entries.set('rules', { kind: 'map', entries: new Map([...written, [STANDARD_RULE, standard]]) });
  }

  /** What a check has of the defaults, or of its other times. */
  #addInherited(check: MapNode, entries: Map<string, Effective>): void {
    const defaults = childOf(this.#root, 'defaults');
    const times = timesOf(check, defaults);
    for (const key of Object.keys(times) as TimeKey[]) {
      if (entries.has(key)) continue;
      const { ms, node, from } = times[key];
      const hidden = node !== undefined && node.references.length > 0;
      const value = hidden ? this.#written(node) : formatDuration(ms ?? 0);
      if (node === undefined) entries.set(key, { kind: 'value', value, origin: BUILT_IN });
      else if (node === childOf(defaults, key))
        entries.set(key, { kind: 'value', value, origin: `inherited from defaults at ${this.#at(node)}` });
      else
        entries.set(key, {
          kind: 'value',
          value,
          origin: `follows from that of the ${from} at ${this.#at(node)}`,
        });
    }
    if (entries.has('rule')) return;
    const rule = childOf(defaults, 'rule');
    const name = textOf(rule);
    if (rule?.kind !== 'scalar' || name === undefined)
      entries.set('rule', { kind: 'value', value: STANDARD_RULE, origin: BUILT_IN });
    else {
      const origin = `inherited from defaults at ${this.#at(rule)}`;
      const value = rule.references.length > 0 ? this.#written(rule) : name;
      entries.set('rule', { kind: 'value', value, origin });
    }
  }

  /** What was filled in is never shown; the reference is. */
  #scalar(node: ScalarNode, path: Path): Effective {
    const at = this.#at(node);
    const from = node.references.map((one) => one.replace(/^\$\{(env|file):(.*)\}$/, '$1 $2')).join(', ');
    const origin = from === '' ? at : `${from} at ${at}`;
    const secret = isSecret(node, path);
    if (from !== '') return { kind: 'value', value: secret ? shownText(node) : this.#written(node), origin };
    return { kind: 'value', value: secret ? REDACTED : node.value, origin };
  }

  /** A text with references, as it stands in the file. */
  #written(node: ScalarNode): string {
    const text = this.#source.textAt(node.span);
    const [, double, single, plain] = /^"([^"\\]*)"$|^'([^']*)'$|^([^"'|>][^\n]*)$/.exec(text) ?? [];
    return double ?? single ?? plain ?? shownText(node);
  }

  #at({ span }: Node): string {
    const { file, start } = this.#source.place(span);
    return `${file}:${start.line}:${start.col}`;
  }

  /** The part of the schema that is about the kind of a map, or the alternative that has its keys. */
  #branch(node: MapNode, schema: Json): Json {
    const kind = textOf(childOf(node, 'kind'));
    for (const one of list(schema.allOf)) {
      const wanted = part(part(part(one.if).properties).kind).const;
      if (wanted !== undefined && wanted === kind) return this.#resolve(part(one.then));
    }
    const keys = [...node.entries.keys()];
    const fits = (one: Json): boolean => keys.every((key) => Object.hasOwn(part(one.properties), key));
    return list(schema.anyOf).find((one) => fits(one)) ?? schema;
  }

  #resolve(schema: Json): Json {
    const { $ref } = schema;
    if (typeof $ref !== 'string') return schema;
    return part(part(this.#schema.definitions)[$ref.replace('#/definitions/', '')]);
  }
}

function isScalar(value: unknown): value is ScalarNode['value'] {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function part(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(part) : [];
}
