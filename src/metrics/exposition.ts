/** Prometheus' text format 0.0.4, written line by line so that it can be streamed. */

import type { Family } from './catalogue.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `# HELP` and `# TYPE`; all lines of a family follow its head without others between. */
export function head({ name, help, type }: Family): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** One sample; `values` are those of the family's labels, in their order. */
export function line({ name, labels }: Family, values: readonly string[], value: number): string {
  const pairs = labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? '')}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

const SPECIAL = /[\\"\n\0]/;

/** NUL ends the input for Prometheus' lexer and stands for nothing in a name. */
function escapeLabel(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\0', '\ufffd');
}
