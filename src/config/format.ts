/** Problems as text: frames for people, a line each for editors and grep, JSON for programs, annotations for GitHub. Pure. */

import { printable } from '../lib/text-width.ts';
import { type FrameOptions, frame } from './frame.ts';
import type { Problem, ShownTexts } from './problem.ts';

export const PROBLEM_FORMATS = ['text', 'concise', 'json', 'github'] as const;
export type ProblemFormat = (typeof PROBLEM_FORMATS)[number];

/** More frames than these help nobody; the other formats tell all. */
const MOST_FRAMES = 50;

/** Ends with a line end where there is anything to tell; JSON always tells, an empty list. */
export function formatProblems(
  format: ProblemFormat,
  problems: readonly Problem[],
  texts: ShownTexts,
  options: FrameOptions,
): string {
  switch (format) {
    case 'text': {
      const frames = problems.slice(0, MOST_FRAMES).map((problem) => `${frame(problem, texts, options)}\n`);
      const more = problems.length - frames.length;
      return `${frames.join('')}${more > 0 ? `… and ${more} more\n\n` : ''}${whereMore(problems)}`;
    }
    case 'concise':
      return problems.map((problem) => `${concise(problem)}\n`).join('');
    case 'json':
      return `${JSON.stringify({ problems: problems.map(documented) }, undefined, 2)}\n`;
    case 'github':
      return problems.map((problem) => `${annotation(problem)}\n`).join('');
    default:
      return format satisfies never;
  }
}

/** Each code once, for whoever has not met it. */
function whereMore(problems: readonly Problem[]): string {
  const [first, ...others] = new Set(problems.map(({ code }) => code));
  if (first === undefined) return '';
  return others.length === 0
    ? `sonde explain ${first} says more\n\n`
    : `sonde explain CODE says more, as in sonde explain ${first}\n\n`;
}

/** With the page about its code, in the sources and in the package. */
function documented(problem: Problem): Problem & { readonly docs: string } {
  return { ...problem, docs: `docs/errors/${problem.code}.md` };
}

/** `sonde.yaml:7:5: error SND1003: unknown key …`. */
function concise({ file, start, severity, code, message, hint }: Problem): string {
  const help = hint === undefined ? '' : ` (${hint})`;
  return printable(`${file}:${start.line}:${start.col}: ${severity} ${code}: ${message}${help}`);
}

/** Workflow command of GitHub Actions, docs: "Setting an error message". */
function annotation({ file, start, end, severity, code, message, hint }: Problem): string {
  const property = (text: string): string => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const place = `file=${property(file)},line=${start.line},endLine=${end.line},col=${start.col},endColumn=${end.col}`;
  const text = hint === undefined ? message : `${message}\n${hint}`;
  return `::${severity} ${place},title=${code}::${escapeData(text)}`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** `2 errors, 1 warning`; empty where there is none. */
export function countProblems(problems: readonly Problem[]): string {
  const count = (severity: Problem['severity']): string => {
    const number = problems.filter((problem) => problem.severity === severity).length;
    return number === 0 ? '' : `${number} ${severity}${number === 1 ? '' : 's'}`;
  };
  return [count('error'), count('warning')].filter((text) => text !== '').join(', ');
}
