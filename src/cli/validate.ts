/** `sonde validate`: tells everything that is wrong with configuration files. */

import { type Command, Option } from 'commander';
import { builtins } from '../app/builtins.ts';
import type { Examination } from '../app/doctor/finding.ts';
import { examineOnline } from '../app/doctor/registries.ts';
import { systemClock } from '../app/system-clock.ts';
import { countProblems, formatProblems, PROBLEM_FORMATS, type ProblemFormat } from '../config/format.ts';
import { type LoadResult, loadConfig, loadText } from '../config/load.ts';
import { wantsColour } from './colour.ts';
import { doctorReport } from './doctor-report.ts';
import type { AddCommand, Io } from './io.ts';
import { lookOf } from './look.ts';
import { withProgress } from './progress.ts';

interface ValidateOptions {
  readonly format: ProblemFormat;
  readonly strict?: true;
  readonly online?: true;
}

export const addValidate: AddCommand = (program, io) => {
  program
    .command('validate')
    .description('Tell everything that is wrong with configuration files')
    .argument('<file...>', 'configuration files or folders of them; - is standard input')
    .addOption(
      new Option('--format <format>', 'how problems are told').choices(PROBLEM_FORMATS).default('text'),
    )
    .option('--strict', 'exit with 3 if there are warnings')
    .option(
      '--online',
      'ask the registries too: whether they answer, let us in, and have something for the checks',
    )
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: ValidateOptions, command: Command) => {
      await validate(files, options, io, command);
    });
};

const EXAMPLES = `
Plugins that a file names are loaded: their code runs.

Examples:
  sonde validate sonde.yaml
  sonde validate --strict --format github sonde.yaml conf.d/
  sonde validate --online sonde.yaml
  envsubst < template.yaml | sonde validate -
`;

async function validate(
  files: readonly string[],
  { format, strict, online }: ValidateOptions,
  io: Io,
  command: Command,
): Promise<void> {
  if (files.filter((file) => file === '-').length > 1)
    command.error('error: standard input can be read once');
  if (online === true && format !== 'text') command.error('error: --online is told as text only');
  const colour = wantsColour(io.out, io.env);
  const results: LoadResult[] = [];
  for (const file of files) results.push(await load(file, io));
  const problems = results.flatMap((result) => (result.ok ? result.warnings : result.problems));
  const texts = new Map(results.flatMap((result) => [...result.texts]));
  io.out.write(formatProblems(format, problems, texts, { colour, columns: io.out.columns }));
  if (format === 'text')
    for (const [index, result] of results.entries())
      io.out.write(`${nameOf(files[index])}: ${summary(result)}\n`);
  const examinations = online === true ? await examine(results, io) : [];
  if (examinations.length > 0) io.out.write(`\n${doctorReport(examinations, lookOf(io))}`);
  const found = examinations.flatMap(({ findings }) => findings.map(({ verdict }) => verdict));
  if (results.some(({ ok }) => !ok)) io.exit(1);
  else if (found.includes('error')) io.exit(4);
  else if (strict === true && (problems.length > 0 || found.includes('warning'))) io.exit(3);
}

/** What is not valid is not asked for. */
async function examine(results: readonly LoadResult[], io: Io): Promise<readonly Examination[]> {
  const examinations: Examination[] = [];
  for (const result of results) {
    if (!result.ok) continue;
    const work = examineOnline(result.config, result.catalogue, io.signal);
    examinations.push(...(await withProgress(io, systemClock, () => 'asking the registries', work)));
  }
  return examinations;
}

async function load(file: string, { env }: Io): Promise<LoadResult> {
  const deps = { catalogue: builtins, env };
  if (file !== '-') return loadConfig(file, deps);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return loadText(nameOf(file), Buffer.concat(chunks).toString('utf8'), deps);
}

function nameOf(file = ''): string {
  return file === '-' ? '<stdin>' : file;
}

function summary(result: LoadResult): string {
  const problems = result.ok ? result.warnings : result.problems;
  const count = countProblems(problems);
  if (!result.ok) return count;
  return count === '' ? 'valid' : `valid, ${count}`;
}
