/**
 * The detection bench: `npm run bench:detection [-- --quick] [--seeds 11,22] [--only TEXT] [--out DIR] [--docs] [--threads N]
 * [--keep DIR]`; `--keep` goes on where an interrupted run with the same code stopped, `--kept` reports what that has. Virtual time,
 * the shipping rule, engine parts, local health, pipeline and guard, and the rules of others in the same worlds. Fails where a line
 * is crossed. `--docs` puts table and charts into docs/.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bench } from './bench.ts';
import { cells as allCells, type Cell, type Job } from './jobs.ts';
import { keptIn } from './kept.ts';
import { timelines, tradeOff } from './report/charts.ts';
import { markdownOf } from './report/markdown.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '11,22,33,44,55' },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: resolve(import.meta.dirname, '../../.bench') },
    docs: { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
    keep: { type: 'string' },
    kept: { type: 'boolean', default: false },
  },
});
const all = values.seeds.split(',').map(Number);
// A quick run is about noticing, not about figures: one seed.
const seeds = values.quick ? all.slice(0, 1) : all;
const kept = values.keep === undefined ? undefined : keptIn(values.keep);
const isKept = (cell: Cell): boolean => seeds.every((seed) => kept?.recall({ cell, seed }) !== undefined);
const cells = allCells({ seeds: seeds.length, quick: values.quick }).filter(
  (cell) => cell.key.includes(values.only) && (!values.kept || isKept(cell)),
);

const began = Date.now();
const total = cells.reduce((sum, { weight }) => sum + weight + 0.3, 0) * seeds.length;
let [done, count] = [0, 0];
const told = ({ cell, seed }: Job): void => {
  done += cell.weight + 0.3;
  count++;
  const share = done / total;
  const seconds = Math.round((Date.now() - began) / 1_000);
  const bar = '#'.repeat(Math.round(30 * share)).padEnd(30, '.');
  const text = `[${bar}] ${Math.round(100 * share)} % ${count}/${cells.length * seeds.length} ${seconds} s ${cell.key} ${seed}`;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
  else if (count % 50 === 0 || count === cells.length * seeds.length) process.stderr.write(`${text}\n`);
};

const { book, lines, qos } = await bench(cells, seeds, Number(values.threads), told, kept);
if (process.stderr.isTTY) process.stderr.write('\n');
const markdown = markdownOf(book, lines, seeds);
const charts = {
  'detection-trade-off.svg': tradeOff(book, 0.1),
  'detection-gray.svg': timelines((rule) => book.sample('timeline', rule)),
};
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'qos.json'), qos);
writeFileSync(join(values.out, 'detection.md'), `${markdown}\n`);
for (const [name, text] of Object.entries(charts)) writeFileSync(join(values.out, name), text);
if (values.docs) intoDocs();

for (const { what, measured, bound, met } of lines)
  process.stdout.write(`${met ? 'met    ' : 'NOT MET'}  ${what}: ${measured}  [${bound}]\n`);
const crossed = lines.filter(({ met }) => !met).length;
const took = Math.round((Date.now() - began) / 1_000);
process.stdout.write(
  `${lines.length - crossed} of ${lines.length} lines met; ${took} s; ${values.out}/qos.json\n`,
);
process.exitCode = crossed === 0 ? 0 : 1;

/** The table goes between its markers; everything else of the page stays. */
function intoDocs(): void {
  const docs = resolve(import.meta.dirname, '../../docs');
  const page = join(docs, 'detection.md');
  const [open, close] = ['<!-- bench:detection -->', '<!-- /bench:detection -->'];
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`${page} has no markers ${open} and ${close}`);
  writeFileSync(page, `${text.slice(0, from + open.length)}\n\n${markdown}\n\n${text.slice(to)}`);
  for (const [name, chart] of Object.entries(charts)) writeFileSync(join(docs, name), chart);
}
