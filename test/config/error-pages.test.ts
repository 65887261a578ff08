import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { frame } from '../../src/config/frame.ts';
import { type LoadResult, loadText } from '../../src/config/load.ts';
import { PROBLEM_CODES, type Problem } from '../../src/config/problem.ts';

const DIR = join(import.meta.dirname, '../../docs/errors');

function load(text: string): Promise<LoadResult> {
  return loadText('sonde.yaml', text, { catalogue: builtins, env: {} });
}

function problemsOf(result: LoadResult): readonly Problem[] {
  return result.ok ? result.warnings : result.problems;
}

describe('the pages about codes', () => {
  it('are there for every code, and for no other', () => {
    expect(readdirSync(DIR).sort()).toEqual(Object.keys(PROBLEM_CODES).map((code) => `${code}.md`));
  });

  it.each(Object.entries(PROBLEM_CODES))('show how %s comes about and goes', async (code, about) => {
    const page = readFileSync(join(DIR, `${code}.md`), 'utf8');
    expect(page.startsWith(`# ${code}: ${about}\n`)).toBe(true);
    const blocks = [...page.matchAll(/^```(text|yaml)\n([\s\S]*?)^```$/gm)];
    expect(blocks.map(([, info]) => info)).toEqual(['text', 'text', 'yaml']);
    const [bad = '', told = '', mended = ''] = blocks.map(([, , text]) => text);

    const result = await load(bad);
    const [problem, ...others] = problemsOf(result);
    if (problem === undefined) expect.fail('the example is taken');
    expect([problem.code, others]).toEqual([code, []]);
    expect(result.ok).toBe(problem.severity === 'warning');
    expect(frame(problem, result.texts, { colour: false, columns: 100 })).toBe(told);

    const better = await load(mended);
    expect(better.ok).toBe(true);
    expect(problemsOf(better)).toEqual([]);
  });
});
