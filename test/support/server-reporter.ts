/** Tells after a run of `npm run test:servers` which real servers the tests were run against, and why others were not. */

import { readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { Had } from '../servers/get.ts';

interface Row {
  readonly server: string;
  version: string;
  passed: number;
  failed: number;
  skipped: number;
  readonly reasons: Set<string>;
}

export default class ServerReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const path = process.env.SONDE_SERVERS_HAD;
    if (path === undefined) return;
    const had = JSON.parse(readFileSync(path, 'utf8')) as readonly Had[];
    process.stdout.write(
      `${serverTable(
        had,
        modules.flatMap((module) => [...module.children.allTests()]),
      )}\n`,
    );
  }
}

/** Of Vitest's `TestCase` what the table needs. */
type Told = Pick<TestCase, 'name'> & {
  readonly parent: Place;
  result(): { readonly state: ReturnType<TestCase['result']>['state'] };
};

type Place =
  | { readonly type: 'module' }
  | { readonly type: 'suite'; readonly name: string; readonly parent: Place };

export function serverTable(had: readonly Had[], tests: readonly Told[]): string {
  const rows = new Map(
    had.map(({ name, version, why }): [string, Row] => {
      const reasons = new Set(why === undefined ? [] : [`NOT HAD: ${why}`]);
      return [name, { server: name, version, passed: 0, failed: 0, skipped: 0, reasons }];
    }),
  );
  for (const test of tests) {
    const row = rowOf(test, rows);
    if (row === undefined) continue;
    const { state } = test.result();
    row[state === 'pending' ? 'failed' : state]++;
    const reason =
      state === 'skipped' ? /\(([^()]*(?:\([^()]*\)[^()]*)*)\)$/.exec(test.name)?.[1] : undefined;
    if (reason !== undefined) row.reasons.add(reason);
  }
  // Where releases have rows of their own, there is none for all of them.
  for (const { server, version } of [...rows.values()])
    if (rows.has(`${server} ${version}`)) rows.delete(server);
  const head = ['server', 'version', 'tests run', 'passed', 'failed', 'skipped', 'why'];
  const cells = [...rows.values()].map(({ server, version, passed, failed, skipped, reasons }) => [
    server,
    version === '' ? '–' : version,
    String(passed + failed),
    String(passed),
    String(failed),
    String(skipped),
    [...reasons].join('; '),
  ]);
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return ['', line(head), ...cells.map(line), ''].join('\n');
}

/** As `describeUnless` writes it behind the title of what needs a server, with its release where several are run. */
function rowOf(test: Told, rows: Map<string, Row>): Row | undefined {
  for (let suite = test.parent; suite.type === 'suite'; suite = suite.parent) {
    const [, server = '', release] = / \[([a-z][a-z0-9-]*)(?: ([^\]]+))?\]$/.exec(suite.name) ?? [];
    const whole = rows.get(server);
    if (release === undefined && whole !== undefined) return whole;
    if (release === undefined) continue;
    const key = `${server} ${release}`;
    const row = rows.get(key) ?? {
      server,
      version: release,
      passed: 0,
      failed: 0,
      skipped: 0,
      reasons: new Set(whole?.reasons),
    };
    rows.set(key, row);
    return row;
  }
  return undefined;
}
