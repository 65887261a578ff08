/** Words for what schemas find, and for what was probably meant. Pure. */

import type { z } from 'zod';
import { formatDuration } from '../lib/duration.ts';
import type { Node } from './tree.ts';

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'null',
};

/** `type` is zod's. */
export function expected(type: string): string {
  return TYPES[type] ?? type;
}

export function received(node: Node | undefined): string {
  if (node === undefined) return 'absent';
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'number' && !Number.isInteger(node.value)) return 'a fraction';
  return typeof node.value === 'boolean' ? String(node.value) : (TYPES[typeof node.value] ?? 'a value');
}

export function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const { origin, inclusive = true } = issue;
  const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const side = issue.code === 'too_small' ? 'least' : 'most';
  if (origin === 'string')
    return bound === 1 ? 'must not be empty' : `must have at ${side} ${bound} characters`;
  if (origin === 'array') return bound === 1 ? 'must not be empty' : `must have at ${side} ${bound} items`;
  if (inclusive) return `must be at ${side} ${bound}`;
  return `must be ${issue.code === 'too_small' ? 'more' : 'less'} than ${bound}`;
}

/** A text that reads as something else without quotes. */
export function quoted(value: unknown): string | undefined {
  const other = typeof value === 'number' || typeof value === 'boolean';
  return other ? `put it in quotes: "${value}"` : undefined;
}

const MOST_LISTED = 8;

/** What there is, for whoever named something that there is not. */
export function listed(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const some = names.slice(0, MOST_LISTED).map((name) => `\`${name}\``);
  return `there ${names.length === 1 ? 'is' : 'are'} ${some.join(', ')}${names.length > MOST_LISTED ? ', …' : ''}`;
}

const SPELLINGS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|milli.*)$/i, 1],
  [/^s(ec.*)?$/i, 1_000],
  [/^m(in.*)?$/i, 60_000],
  [/^h(r|our)?s?$/i, 3_600_000],
  [/^d(ays?)?$/i, 86_400_000],
];

/** `5` meant `5s`, `1.5 s` meant `1s500ms`, `10 minutes` meant `10m`. */
export function suggestDuration(value: unknown): string | undefined {
  if (typeof value === 'number' && value >= 0)
    return Number.isInteger(value) ? `did you mean ${value}s, or ${value}ms?` : meant(value * 1_000);
  if (typeof value !== 'string') return undefined;
  const [, digits, unit = ''] = /^\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([a-z]*)\s*$/i.exec(value) ?? [];
  if (digits === undefined) return undefined;
  if (unit === '') return `did you mean ${digits}s, or ${digits}ms?`;
  const size = SPELLINGS.find(([pattern]) => pattern.test(unit))?.[1];
  return size === undefined ? undefined : meant(Number(digits) * size);
}

function meant(ms: number): string | undefined {
  return ms >= 1 && ms < 1e11 ? `did you mean ${formatDuration(ms)}?` : undefined;
}

/** `84` and `0.84` meant `84%`. */
export function suggestShare(value: unknown): string | undefined {
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && value !== ''
        ? Number(value)
        : Number.NaN;
  if (!(number > 0 && number <= 100)) return undefined;
  const percent = number <= 1 ? Math.round(number * 1e6) / 1e4 : number;
  return `did you mean ${percent}%?`;
}
