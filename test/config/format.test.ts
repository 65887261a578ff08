import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { countProblems, formatProblems, type ProblemFormat } from '../../src/config/format.ts';
import type { Problem } from '../../src/config/problem.ts';

const TEXT = `version: 1
defaults: { interval: 5s, timeout: 1s }
checks:
  - name: 网关
    interval: 500ms   # 每秒两次
`;

const problem: Problem = {
  code: 'SND2004',
  severity: 'error',
  message: 'timeout (1s) is over interval (500ms)',
  file: 'sonde.yaml',
  start: { line: 5, col: 15 },
  end: { line: 5, col: 20 },
  notes: [
    {
      file: 'sonde.yaml',
      start: { line: 2, col: 36 },
      end: { line: 2, col: 38 },
      message: 'timeout inherited from here',
    },
  ],
  hint: 'timeout must be at most interval',
};
const warning: Problem = {
  ...problem,
  code: 'SND3001',
  severity: 'warning',
  message: '100% strange,\nit is: so',
  start: { line: 4, col: 11 },
  end: { line: 4, col: 13 },
  notes: [],
};
const texts = new Map([['sonde.yaml', TEXT]]);

function format(name: ProblemFormat, problems: readonly Problem[], colour = false, columns = 100): string {
  return formatProblems(name, problems, texts, { colour, columns });
}

describe('problems as text', () => {
  it('are frames with the place underlined', () => {
    expect(format('text', [problem])).toBe(`error[SND2004]: timeout (1s) is over interval (500ms)
  ┌─ sonde.yaml:5:15
4 │   - name: 网关
5 │     interval: 500ms   # 每秒两次
  │               ^^^^^
  ·
2 │ defaults: { interval: 5s, timeout: 1s }
  │                                    -- timeout inherited from here
  = help: timeout must be at most interval

sonde explain SND2004 says more

`);
  });

  it('stand right under and after wide characters, and let none move the cursor', () => {
    expect(format('text', [warning])).toBe(`warning[SND3001]: 100% strange,\ufffdit is: so
  ┌─ sonde.yaml:4:11
3 │ checks:
4 │   - name: 网关
  │           ^^^^
  = help: timeout must be at most interval

sonde explain SND3001 says more

`);
    const after = { ...warning, start: { line: 5, col: 25 }, end: { line: 5, col: 26 } };
    expect(format('text', [after])).toContain(`  │ ${' '.repeat(24)}^^\n`);
  });

  it('have colours only if asked for, and say the same with them', () => {
    const coloured = format('text', [problem], true);
    expect(coloured).toContain('\u001b[31m');
    expect(stripVTControlCharacters(coloured)).toBe(format('text', [problem]));
    expect(format('text', [problem])).not.toContain('\u001b');
  });

  it('keep to the width, with the place in view', () => {
    const long = `key: ${'x'.repeat(300)} BAD ${'y'.repeat(300)}`;
    const at = long.indexOf('BAD');
    const far = { ...problem, notes: [], start: { line: 1, col: at + 1 }, end: { line: 1, col: at + 4 } };
    const frame = formatProblems('text', [far], new Map([['sonde.yaml', long]]), {
      colour: false,
      columns: 60,
    });
    const [, , line = '', carets = ''] = frame.split('\n');
    expect(Math.max(...frame.split('\n').map((one) => one.length))).toBeLessThanOrEqual(60);
    expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('BAD');
  });

  it('do without the text where it is not at hand', () => {
    expect(formatProblems('text', [problem], new Map(), { colour: false, columns: 80 })).toBe(
      `error[SND2004]: timeout (1s) is over interval (500ms)
  ┌─ sonde.yaml:5:15
  ·
    timeout inherited from here
  = help: timeout must be at most interval

sonde explain SND2004 says more

`,
    );
  });

  it('end after many frames with how many more there are', () => {
    const many = Array.from({ length: 60 }, () => problem);
    expect(format('text', many)).toMatch(/… and 10 more\n\nsonde explain SND2004 says more\n\n$/);
    expect(format('text', [problem, warning])).toMatch(
      /\n\nsonde explain CODE says more, as in sonde explain SND2004\n\n$/,
    );
    expect(format('text', [])).toBe('');
    expect(format('concise', many).split('\n')).toHaveLength(61);
  });
});

describe('problems for others', () => {
  it('are a line each for editors', () => {
    expect(format('concise', [problem, warning])).toBe(
      'sonde.yaml:5:15: error SND2004: timeout (1s) is over interval (500ms) (timeout must be at most interval)\n' +
        'sonde.yaml:4:11: warning SND3001: 100% strange,\ufffdit is: so (timeout must be at most interval)\n',
    );
  });

  it('are JSON, also when there are none', () => {
    expect(JSON.parse(format('json', [problem]))).toEqual({
      problems: [{ ...problem, docs: 'docs/errors/SND2004.md' }],
    });
    expect(JSON.parse(format('json', []))).toEqual({ problems: [] });
  });

  it('are annotations of GitHub, escaped as it wants them', () => {
    expect(format('github', [warning])).toBe(
      '::warning file=sonde.yaml,line=4,endLine=4,col=11,endColumn=13,title=SND3001::100%25 strange,%0Ait is: so%0Atimeout must be at most interval\n',
    );
    expect(format('github', [{ ...problem, file: 'a,b:c.yaml' }])).toContain('file=a%2Cb%3Ac.yaml,');
  });

  it('are counted', () => {
    expect(countProblems([])).toBe('');
    expect(countProblems([problem])).toBe('1 error');
    expect(countProblems([problem, warning, warning])).toBe('1 error, 2 warnings');
  });
});
