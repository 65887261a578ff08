/** `sonde doctor` for people: a sign, what was found, and what to do about it. Pure. */

import type { Examination, Finding } from '../app/doctor/finding.ts';
import type { Look } from './look.ts';
import { paint, type Tone } from './table.ts';
import { wrap } from './wrap.ts';

const SIGNS: Readonly<Record<Finding['verdict'], readonly [string, Tone]>> = {
  ok: ['√', 'good'],
  warning: ['‼', 'poor'],
  error: ['×', 'bad'],
};

export function doctorReport(examinations: readonly Examination[], look: Look): string {
  const groups = examinations.map(({ subject, findings }) => [
    paint(subject, 'strong', look.color),
    ...findings.flatMap((finding) => lines(finding, look)),
    '',
  ]);
  return `${[...groups.flat(), sentence(examinations)].join('\n')}\n`;
}

function lines({ verdict, what, hint }: Finding, { width, color }: Look): readonly string[] {
  const [sign, tone] = SIGNS[verdict];
  const said = wrap(what, width - 4).map((line, at) =>
    at === 0 ? `  ${paint(sign, tone, color)} ${line}` : `    ${line}`,
  );
  return hint === undefined
    ? said
    : [...said, ...wrap(hint, width - 8).map((line, at) => `      ${at === 0 ? '→ ' : '  '}${line}`)];
}

function sentence(examinations: readonly Examination[]): string {
  const all = examinations.flatMap(({ findings }) => findings);
  const count = (verdict: Finding['verdict']): number => all.filter((one) => one.verdict === verdict).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors + warnings === 0) return 'Nothing is wrong.';
  const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  return `${plural(errors, 'error')}, ${plural(warnings, 'warning')}.`;
}
