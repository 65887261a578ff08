import { describe, expect, it } from 'vitest';
import type { Sight } from '../../src/app/one-look.ts';
import { nagios, nagiosUnknown } from '../../src/cli/nagios.ts';
import { waterfall } from '../../src/cli/waterfall.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { makeInstance } from '../board/reports.ts';

const PASS: Outcome = { kind: 'pass', readings: { phases: { connect: 0.4, firstByte: 1.2, total: 2 } } };
const POOR: Outcome = { kind: 'fail', cause: 'status', reached: true, detail: 'status 503, expected 2xx' };
const DEAD: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'connect: | nobody' };
const SKIP: Outcome = { kind: 'skip', cause: 'script-missing', detail: 'no such file' };

function sights(...outcomes: readonly Outcome[]): readonly Sight[] {
  return outcomes.map((outcome, port) => ({
    instance: makeInstance({ service: 'web', port: 80 + port }),
    check: 'http',
    outcome,
    duration: 2.5,
  }));
}

describe('nagios', () => {
  it.each([
    [[PASS], 0, 'OK: passed in 2.5 ms | time=0.002500s;;;0 connect=0.000400s;;;0 first_byte=0.001200s;;;0\n'],
    [[{ kind: 'pass', detail: 'port 80 is fine' }], 0, 'OK: port 80 is fine | time=0.002500s;;;0\n'],
    [[POOR], 1, 'WARNING: status: status 503, expected 2xx | time=0.002500s;;;0\n'],
    [[DEAD], 2, 'CRITICAL: connect-refused: connect: / nobody | time=0.002500s;;;0\n'],
    [[SKIP], 3, 'UNKNOWN: script-missing: no such file | time=0.002500s;;;0\n'],
    [[PASS, PASS], 0, 'OK: all 2 looks passed | passed=2;;;0;2 total=2;;;0\n'],
    [
      [PASS, POOR, DEAD],
      2,
      'CRITICAL: 2 of 3 looks did not pass: web 10.0.0.1:82 connect-refused: connect: / nobody; web 10.0.0.1:81 status: status 503, expected 2xx | passed=1;;;0;3 total=3;;;0\n',
    ],
  ] as const)('%#: one line with performance data', (outcomes, code, line) => {
    expect(nagios(sights(...outcomes))).toEqual({ code, line });
  });

  it('lets critical outrank unknown, and unknown a warning', () => {
    expect(nagios(sights(SKIP, DEAD, POOR)).code).toBe(2);
    expect(nagios(sights(POOR, SKIP, PASS)).code).toBe(3);
  });

  it('names five', () => {
    const { line } = nagios(sights(...Array.from({ length: 9 }, () => DEAD)));
    expect(line.match(/connect-refused/g)).toHaveLength(5);
    expect(line).toContain('; … |');
  });

  it('is one line, whatever is said', () => {
    expect(nagiosUnknown('a\nb | c')).toEqual({ code: 3, line: 'UNKNOWN: a\ufffdb / c\n' });
  });
});

describe('waterfall', () => {
  it('shows each phase behind the one before', () => {
    expect(waterfall({ dns: 1, connect: 2, tls: 5, firstByte: 10, total: 20 }, 65)).toEqual([
      '  dns             1.0 ms  ██',
      '  connect         2.0 ms    ████',
      '  tls             5.0 ms        ██████████',
      '  first byte     10.0 ms                  ████████████████████',
      '  rest            2.0 ms                                      ████'.slice(0, 66),
      '  total          20.0 ms',
    ]);
  });

  it('shows every phase, however short, and what has none', () => {
    expect(waterfall({ connect: 0, firstByte: 1_000, total: 1_000 }, 80)[0]).toMatch(/0\.0 ms {2}█$/);
    expect(waterfall({}, 80)).toEqual(['  total           0.0 ms']);
    expect(waterfall({ connect: 3, total: 3 }, Number.POSITIVE_INFINITY)[0]).toBe(
      `  connect         3.0 ms  ${'█'.repeat(60)}`,
    );
  });
});
