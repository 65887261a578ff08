/** Decodes a value by a schema, ours or a plugin's, so that nothing of what is wrong gets lost. */

import { z } from 'zod';
import type { OptionsSchema, SchemaIssue } from '../core/plugin.ts';

/** Stands where a schema has no message of its own: the words are ours then. */
export const NO_MESSAGE = '\0';

/** An issue as zod tells it, or with less from a plugin that brought another library. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** What zod says more: its code first. */
  readonly zod?: z.core.$ZodIssue;
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** The keys that a map may have, by the list of those in an issue that it may not. */
const knownKeys = new WeakMap<readonly string[], readonly string[]>();

export function knownKeysOf(issue: z.core.$ZodIssueUnrecognizedKeys): readonly string[] {
  return knownKeys.get(issue.keys) ?? [];
}

export function decodeShape<S extends z.ZodType>(schema: S, value: unknown): Decoded<z.output<S>> {
  const result = z.safeParse(schema, value, { error: withoutMessage });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.map(issueOf) };
}

/** Options by the schema of their plugin. A schema that throws or makes one wait is the plugin's fault and told as such. */
export function decodeOptions(schema: OptionsSchema<unknown>, value: unknown): Decoded<unknown> {
  try {
    if (schema instanceof z.ZodType) return decodeShape(schema, value);
    const result = schema['~standard'].validate(value);
    if (result instanceof Promise)
      return refused('the schema of this kind makes one wait, which it must not');
    if (result.issues === undefined) return { ok: true, value: result.value };
    return { ok: false, issues: result.issues.map(plainIssue) };
  } catch (error) {
    return refused(
      `the schema of this kind failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The keys that options may have, as far as the schema tells. */
export function keysOf(schema: OptionsSchema<unknown>): readonly string[] {
  const decoded = decodeOptions(schema, { [NO_MESSAGE]: null });
  if (decoded.ok) return [];
  const unknown = decoded.issues.find(({ zod }) => zod?.code === 'unrecognized_keys')?.zod;
  return unknown?.code === 'unrecognized_keys' ? knownKeysOf(unknown) : [];
}

function refused(message: string): Decoded<never> {
  return { ok: false, issues: [{ path: [], message }] };
}

function plainIssue({ path = [], message }: SchemaIssue): Issue {
  return { path: path.map((step) => (typeof step === 'object' ? step.key : step)), message };
}

export function issueOf(zod: z.core.$ZodIssue): Issue {
  return { path: zod.path, message: zod.message, zod };
}

const withoutMessage: z.core.$ZodErrorMap = (issue) => {
  const { inst } = issue;
  if (issue.code === 'unrecognized_keys' && inst instanceof z.ZodObject)
    knownKeys.set(issue.keys, Object.keys(inst.shape));
  return NO_MESSAGE;
};
