/** `${instance.port}` and its like in the options of probes: read once when the options are decoded, filled in for each look. */

import type { Instance } from '../core/instance.ts';

type Part = string | { readonly path: readonly string[]; readonly fallback: readonly Part[] | undefined };

export type Template = readonly Part[];

const FIELDS = ['host', 'port', 'service', 'namespace', 'registry'] as const;

/** Thrown with a sentence about what is wrong. */
export class TemplateError extends Error {}

/** Reads `${instance.FIELD}` and `${instance.metadata.KEY:-default}`; a default may hold one such template itself. */
export function parseTemplate(text: string, depth = 0): Template {
  const parts: Part[] = [];
  let rest = text;
  for (;;) {
    const start = rest.indexOf('${');
    if (start < 0) break;
    if (start > 0) parts.push(rest.slice(0, start));
    const end = closingBrace(rest, start + 2);
    if (end < 0) throw new TemplateError('a ${ is not closed by }');
    parts.push(parseReference(rest.slice(start + 2, end), depth));
    rest = rest.slice(end + 1);
  }
  if (rest !== '') parts.push(rest);
  return parts;
}

function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let i = from; i < text.length; i++) {
    if (text.startsWith('${', i)) open++;
    else if (text[i] === '}' && --open === 0) return i;
  }
  return -1;
}

function parseReference(text: string, depth: number): Part {
  const [, name = '', fallback] = /^([^:]*(?::(?!-)[^:]*)*)(?::-([\s\S]*))?$/.exec(text) ?? [];
  const [root, field = '', ...keys] = name.split('.');
  if (root !== 'instance')
    throw new TemplateError(`\${${name}} is unknown: only \${instance.…} can stand here`);
  const path = keys.length > 0 ? [field, keys.join('.')] : [field];
  const known =
    field === 'metadata' ? keys.length > 0 : FIELDS.some((one) => one === field) && keys.length === 0;
  if (!known) {
    throw new TemplateError(
      `\${${name}} is unknown: there are ${FIELDS.map((one) => `instance.${one}`).join(', ')}, instance.metadata.KEY`,
    );
  }
  if (fallback === undefined) return { path, fallback: undefined };
  if (depth > 0 && fallback.includes('${')) throw new TemplateError('defaults nest one level deep');
  return { path, fallback: parseTemplate(fallback, depth + 1) };
}

/** The text that is the same for every instance; undefined where there is something to fill in. */
export function constantText(template: Template): string | undefined {
  let text = '';
  for (const part of template) {
    if (typeof part !== 'string') return undefined;
    text += part;
  }
  return text;
}

/**
 * The text for this instance; undefined where metadata is missing that has no default. As in a shell, a default with `:-`
 * also stands for what is empty.
 */
export function fill(template: Template, instance: Instance): string | undefined {
  let text = '';
  for (const part of template) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const own = fieldOf(part.path, instance);
    const missing = part.fallback !== undefined && (own === undefined || own === '');
    const value = missing ? fill(part.fallback, instance) : own;
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

function fieldOf([field, key]: readonly string[], instance: Instance): string | undefined {
  switch (field ?? '') {
    case 'host':
      return instance.host;
    case 'port':
      return String(instance.port);
    case 'service':
      return instance.service;
    case 'namespace':
      return instance.namespace;
    case 'registry':
      return instance.registry;
    default:
      // What a plain object inherits (`constructor`) is no metadata.
      return key !== undefined && Object.hasOwn(instance.metadata, key) ? instance.metadata[key] : undefined;
  }
}
