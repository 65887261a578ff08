/** Whether to use colours on a stream. */

import type { Io, Stream } from './io.ts';

/** Off unless it is a terminal that can; `NO_COLOR` (no-color.org) and `FORCE_COLOR` have the last word, this one first. */
export function wantsColour(stream: Stream, env: Io['env']): boolean {
  const { FORCE_COLOR: force = '', NO_COLOR: no = '', TERM: term } = env;
  if (force !== '') return force !== '0';
  return stream.isTTY && no === '' && term !== 'dumb';
}
