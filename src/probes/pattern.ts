/** What users expect to find in bytes: a text, bytes, or a regular expression that takes linear time whatever it is fed. */

import { RE2JS } from 're2js';
import { z } from 'zod';
import { parseHex } from '../lib/bytes.ts';

/** A regular expression in RE2 syntax: no look-around and no back-references, and no exponential time either. */
export const regexField = z.string().transform((source, context) => {
  try {
    return { source, regex: RE2JS.compile(source) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message: `not a regular expression of RE2: ${message}` });
    return z.NEVER;
  }
});

export const hexField = z.string().transform((text, context) => {
  const bytes = parseHex(text);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: 'not hexadecimal: pairs of 0-9 and a-f' });
  return z.NEVER;
});

export type Regex = z.output<typeof regexField>;

export function regexMatches({ regex }: Regex, text: string): boolean {
  return regex.matcher(text).find();
}
