import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { loadConfig } from '../../src/config/load.ts';
import { PROBLEM_CODES } from '../../src/config/problem.ts';

const DIR = join(import.meta.dirname, 'bad');
const files = readdirSync(DIR).filter((name) => name.endsWith('.yaml'));

const expectations = files.map((name) => {
  const [, expected = ''] = /^# expect: (.*)\n/.exec(readFileSync(join(DIR, name), 'utf8')) ?? [];
  return { name, expected };
});

describe('a bad configuration, one mistake a file', () => {
  it('is there in numbers, and for every error that there is', () => {
    expect(files.length).toBeGreaterThan(60);
    const errors = Object.keys(PROBLEM_CODES).filter((code) => !code.startsWith('SND3'));
    const covered = new Set(expectations.map(({ expected }) => expected.split(' ')[1]));
    expect(errors.filter((code) => !covered.has(code))).toEqual([]);
  });

  it.each(expectations)('$name is refused at $expected', async ({ name, expected }) => {
    const file = relative(process.cwd(), join(DIR, name));
    const result = await loadConfig(file, { catalogue: builtins, env: {} });
    if (result.ok) expect.fail('it was taken');
    const errors = result.problems.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ start, code }) => `${start.line}:${start.col} ${code}`)).toEqual([expected]);
    for (const problem of result.problems) {
      expect(problem.file).toBe(file);
      expect(problem.message).not.toMatch(/undefined|\[object|\0/);
    }
  });
});
