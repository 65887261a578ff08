/** Where the time of a look went, as bars below each other. Pure. */

import type { Phases } from '../core/outcome.ts';

const PHASES = [
  ['dns', 'dns'],
  ['connect', 'connect'],
  ['tls', 'tls'],
  ['firstByte', 'first byte'],
] as const satisfies readonly (readonly [keyof Phases, string])[];

/** Columns before the bars, and the least and the most that the bars take. */
const HEAD = 25;
const LEAST = 10;
const MOST = 60;

/** A line for each phase that happened, in their order; each bar starts where the one before ended. */
export function waterfall(phases: Phases, width: number): readonly string[] {
  const steps = PHASES.flatMap(([key, name]) => {
    const ms = phases[key];
    return ms === undefined ? [] : [{ name, ms }];
  });
  const spent = steps.reduce((sum, { ms }) => sum + ms, 0);
  const total = Math.max(phases.total ?? spent, spent);
  // What came after the first byte: the rest of the answer.
  const rest = steps.some(({ name }) => name === 'first byte') && total > spent ? total - spent : 0;
  const rows = rest > 0 ? [...steps, { name: 'rest', ms: rest }] : steps;
  const room = Math.min(MOST, Math.max(LEAST, width - HEAD));
  let before = 0;
  const lines = rows.map(({ name, ms }) => {
    const from = before;
    before += ms;
    return line(name, ms, bar(from, before, total, room));
  });
  return [...lines, line('total', total, '')];
}

function line(name: string, ms: number, drawn: string): string {
  const head = `  ${name.padEnd(10)} ${ms.toFixed(1).padStart(8)} ms  `;
  return `${head}${drawn}`.trimEnd();
}

/** At least one column, so that every phase is seen. */
function bar(from: number, to: number, total: number, room: number): string {
  const scale = total === 0 ? 0 : room / total;
  const start = Math.min(room - 1, Math.floor(from * scale));
  const length = Math.max(1, Math.min(room - start, Math.round((to - from) * scale)));
  return `${' '.repeat(start)}${'█'.repeat(length)}`;
}
