/** How things look on this terminal, if it is one. */

import type { Health } from '../core/health.ts';
import { wantsColour } from './colour.ts';
import type { Io } from './io.ts';
import { paint, type TableOptions, type Tone } from './table.ts';

export interface Look extends TableOptions {
  /** Signs before healths; not in pipes, where they would be one more word to parse. */
  readonly glyphs: boolean;
}

const HEALTHS = {
  unknown: ['○', 'dim'],
  healthy: ['●', 'good'],
  'sub-healthy': ['◐', 'poor'],
  dead: ['✖', 'bad'],
} as const satisfies Record<Health, readonly [string, Tone]>;

/** Of stdout. What goes into a pipe is not cut. */
export function lookOf({ out, env }: Io): Look {
  return {
    width: out.isTTY ? out.columns : Number.POSITIVE_INFINITY,
    color: wantsColour(out, env),
    glyphs: out.isTTY,
  };
}

/** The same for a list; whoever asks for all columns does not want them cut. */
export function lookFor(io: Io, wide: boolean): Look & { readonly wide: boolean } {
  const look = lookOf(io);
  return wide ? { ...look, width: Number.POSITIVE_INFINITY, wide } : { ...look, wide };
}

/** `✖ dead`, with `,held` behind it for each flag. */
export function healthCell(
  health: Health,
  flags: readonly string[],
  glyphs: boolean,
): { readonly text: string; readonly tone: Tone } {
  const [glyph, tone] = HEALTHS[health];
  const text = [health, ...flags].join(',');
  return { text: glyphs ? `${glyph} ${text}` : text, tone };
}

/** The same in running text. */
export function healthText(health: Health, { glyphs, color }: Look): string {
  const { text, tone } = healthCell(health, [], glyphs);
  return paint(text, tone, color);
}
