/**
 * Detection on real sockets, beside what was simulated: `npm run bench:live`, two and a half minutes, fails where a bound is
 * crossed. `--json` for programs.
 */

import { findings } from './findings.ts';
import { measure } from './measure.ts';

const began = Date.now();
const run = await measure((step) => {
  const seconds = Math.round((Date.now() - began) / 1_000);
  process.stderr.write(`${String(seconds).padStart(4)} s  ${step}\n`);
});
const { rows, wrong, missed } = findings(run);
const faults = [...wrong, ...missed];

if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify({ ...run, rows, wrong, missed }, undefined, 2)}\n`);
} else {
  const seconds = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : 'never');
  const lines = rows.map(
    ({ title, becomes, simulated, median, last, allowed, transitions }) =>
      `| ${title} | ${becomes} | ${seconds(median)} / ${seconds(last)} | ${simulated} | ${allowed} | ${transitions} |`,
  );
  process.stdout.write(
    `${[
      `All healthy after ${run.warmUp.toFixed(1)} s; SIGSTOP for 3 s: ${run.pause.transitions} transitions, ${run.pause.failed} failures; ${run.looks} looks in all.`,
      '',
      '| fault | becomes | median / last, s | simulated, s | allowed, s | transitions |',
      '|---|---|---|---|---|---|',
      ...lines,
      '',
      ...(faults.length === 0 ? ['All within bounds.'] : faults.map((fault) => `NOT MET: ${fault}`)),
    ].join('\n')}\n`,
  );
}
process.exitCode = faults.length === 0 ? 0 : 1;
