/** What an HTTP answer must be to pass. Options and a pure test. */

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { atJsonPath, type JsonPath, parseJsonPath } from '../lib/json-path.ts';
import { regexField, regexMatches } from './pattern.ts';
import { describeStatusSet, inStatusSet, parseStatusRange, type StatusRange } from './status-set.ts';

const statusRange = z.union([z.number().int(), z.string()]).transform((given, context): StatusRange => {
  const range = parseStatusRange(String(given));
  if (range !== undefined) return range;
  context.addIssue({ code: 'custom', message: 'not a status: write 200, 2xx or 200-399' });
  return z.NEVER;
});

const statusSet = z.union([z.array(statusRange).min(1), statusRange.transform((range) => [range])]).meta({
  description:
    'Status codes that pass: 200, 2xx, 200-399, or a list of these; default 200-399, or 2xx where redirects are followed',
});

const jsonPath = z.string().transform((text, context): { readonly text: string; readonly path: JsonPath } => {
  const path = parseJsonPath(text);
  if (path !== undefined) return { text, path };
  context.addIssue({ code: 'custom', message: "not a path: write it as in $.a.b[0]['c']" });
  return z.NEVER;
});

const textTest = z.union([
  z.strictObject({ contains: z.string().min(1) }),
  z.strictObject({ regex: regexField }),
  z.strictObject({ equals: z.string() }),
]);

const bodyTest = z
  .union([
    z.strictObject({ contains: z.string().min(1) }),
    z.strictObject({ regex: regexField }),
    z.strictObject({ json: z.strictObject({ path: jsonPath, equals: z.json() }) }),
  ])
  .meta({
    description: 'Body: contains a text, matches an RE2 regular expression, or has a JSON value at a path',
  });

export const expectFields = z.strictObject({
  status: statusSet.optional(),
  headers: z
    .record(z.string(), textTest)
    .default({})
    .meta({ description: 'Response headers: contains, regex or equals; one that is missing fails' }),
  body: bodyTest.optional(),
});

export type Expectation = z.output<typeof expectFields> & { readonly status: readonly StatusRange[] };

/** A redirect shows a server that serves; but who wants redirects followed wants to arrive. */
export function withStatus(expected: z.output<typeof expectFields>, followsRedirects: boolean): Expectation {
  return { ...expected, status: expected.status ?? [{ from: 200, to: followsRedirects ? 299 : 399 }] };
}

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** What was read of it. */
  readonly body: Buffer;
  /** There was more than was read. */
  readonly truncated: boolean;
}

/** What is wrong with the answer, or undefined. */
export function unmet(
  expected: Expectation,
  answer: Answer,
): { readonly cause: 'status' | 'expectation'; readonly detail: string } | undefined {
  if (!inStatusSet(expected.status, answer.status))
    return {
      cause: 'status',
      detail: `status ${answer.status}, expected ${describeStatusSet(expected.status)}`,
    };
  for (const [name, test] of Object.entries(expected.headers)) {
    const value = answer.headers[name.toLowerCase()];
    if (value === undefined) return { cause: 'expectation', detail: `header ${name} is missing` };
    if (!meetsText(test, typeof value === 'string' ? value : value.join(', ')))
      return { cause: 'expectation', detail: `header ${name} is not as expected` };
  }
  if (expected.body === undefined) return undefined;
  const wrong = unmetBody(expected.body, answer.body.toString('utf8'));
  if (wrong === undefined) return undefined;
  return {
    cause: 'expectation',
    detail: answer.truncated ? `${wrong} (only the beginning was read)` : wrong,
  };
}

function meetsText(test: z.output<typeof textTest>, value: string): boolean {
  if ('contains' in test) return value.includes(test.contains);
  return 'regex' in test ? regexMatches(test.regex, value) : value === test.equals;
}

function unmetBody(test: z.output<typeof bodyTest>, body: string): string | undefined {
  if ('contains' in test)
    return body.includes(test.contains) ? undefined : 'body does not contain the expected text';
  if ('regex' in test)
    return regexMatches(test.regex, body) ? undefined : 'body does not match the expression';
  const { path, equals } = test.json;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'body is not JSON';
  }
  return isDeepStrictEqual(atJsonPath(value, path.path), equals)
    ? undefined
    : `body has another value at ${path.text}`;
}
