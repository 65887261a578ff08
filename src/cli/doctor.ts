/** `sonde doctor`: whether everything around sonde is as it needs it. */

import { type Command, Option } from 'commander';
import { builtins } from '../app/builtins.ts';
import { examineAnchors } from '../app/doctor/anchors.ts';
import { examineCertificate } from '../app/doctor/certificate.ts';
import { examineState, examineToken } from '../app/doctor/files.ts';
import { type Examination, error, type Finding, ok, warning } from '../app/doctor/finding.ts';
import { examineLimits } from '../app/doctor/limits.ts';
import { type Ask, examineClock, examineListeners } from '../app/doctor/listeners.ts';
import { examineRegistries } from '../app/doctor/registries.ts';
import { examineScripts } from '../app/doctor/scripts.ts';
import { systemClock } from '../app/system-clock.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';
import { Client } from './client.ts';
import { addServerOptions } from './connect.ts';
import { doctorReport } from './doctor-report.ts';
import type { AddCommand, ExitCode, Io } from './io.ts';
import { lookOf } from './look.ts';
import { withProgress } from './progress.ts';
import { DEFAULT_SERVER, parseServer, type ServerOptions } from './server.ts';
import { printDocument } from './tell.ts';

interface DoctorOptions extends ServerOptions {
  readonly config: string;
  readonly strict?: true;
  readonly output: 'text' | 'json';
}

/** Milliseconds for the answer of a sonde on this machine. */
const PATIENCE = 2_000;

export const addDoctor: AddCommand = (program, io) => {
  const command = program
    .command('doctor')
    .description(
      'Examine what sonde needs: configuration, registries, anchors, clock, limits, state, token, listeners, scripts',
    )
    .addOption(
      new Option('-c, --config <file>', 'the configuration').env('SONDE_CONFIG').makeOptionMandatory(),
    )
    .option('--strict', 'exit with 3 if there are warnings')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  addServerOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: DoctorOptions) => doctor(options, command, io));
};

const EXAMPLES = `
Plugins that the configuration names are loaded: their code runs.

Examples:
  sonde doctor -c sonde.yaml
  sonde doctor -c sonde.yaml --strict -o json
`;

async function doctor(options: DoctorOptions, command: Command, io: Io): Promise<void> {
  const server = options.server ?? (io.env.SONDE_SERVER || DEFAULT_SERVER);
  if (parseServer(server) === undefined)
    command.error(`error: '${server}' is no http:// or https:// URL of a server, and no unix:/path`);
  let subject = 'the configuration';
  const work = examine(options.config, server, io, (next) => {
    subject = next;
  });
  const examinations = await withProgress(io, systemClock, () => `examining ${subject}`, work);
  if (options.output === 'json')
    printDocument(io, 'json', { success: exitCodeOf(examinations, false) === 0, examinations });
  else io.out.write(doctorReport(examinations, lookOf(io)));
  io.exit(exitCodeOf(examinations, options.strict === true));
}

async function examine(
  file: string,
  server: string,
  io: Io,
  begin: (subject: string) => void,
): Promise<readonly Examination[]> {
  const loaded = await loadConfig(file, { catalogue: builtins, env: io.env });
  const first = { subject: 'configuration', findings: examineConfiguration(file, loaded) };
  if (!loaded.ok) return [first];
  const { config, catalogue } = loaded;
  const ask = askWith(io);
  const subjects: readonly (readonly [string, () => Promise<readonly Finding[]>])[] = [
    ['registries', () => examineRegistries(config, catalogue, io.signal)],
    ['anchors', () => examineAnchors(config, io.signal)],
    ['scripts', () => examineScripts(config)],
    ['state', () => examineState(config)],
    ['token', () => examineToken(config, io.env)],
    ['certificate', () => examineCertificate(config)],
    ['listeners', () => examineListeners(config, ask)],
    ['clock', () => examineClock(server, ask)],
    ['limits', () => examineLimits(config)],
  ];
  const examinations: Examination[] = [first];
  for (const [subject, look] of subjects) {
    begin(`the ${subject}`);
    const findings = await look();
    if (findings.length > 0) examinations.push({ subject, findings });
  }
  return examinations;
}

function examineConfiguration(file: string, loaded: LoadResult): readonly Finding[] {
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  const hint = `sonde validate ${file}`;
  const found = problems.map(({ severity, code, message, file: where, start }) => {
    const what = `${where}:${start.line}:${start.col} ${code}: ${message}`;
    return severity === 'error' ? error(what, hint) : warning(what, hint);
  });
  return loaded.ok ? [ok(`${file} is valid`), ...found] : found;
}

function askWith(io: Io): Ask {
  return async (name) => {
    const server = parseServer(name);
    if (server === undefined) return undefined;
    const token = (): Promise<never> => Promise.reject(new Error('nothing is changed here'));
    await using client = new Client({ server, clock: systemClock, token });
    const answer = await client.ask('/livez', { patience: PATIENCE }, io.signal);
    if (answer.kind === 'failed') return undefined;
    const { date } = answer.headers;
    return { alive: isAlive(answer.text), date: typeof date === 'string' ? date : undefined };
  };
}

/** What only a sonde says. */
function isAlive(text: string): boolean {
  return text.replace(/\s/g, '') === '{"alive":true}';
}

/** Registries alone that do not answer are no mistake in what is here. */
function exitCodeOf(examinations: readonly Examination[], strict: boolean): ExitCode {
  const has = (verdict: Finding['verdict']): readonly Examination[] =>
    examinations.filter(({ findings }) => findings.some((one) => one.verdict === verdict));
  const wrong = has('error');
  if (wrong.length > 0) return wrong.every(({ subject }) => subject === 'registries') ? 4 : 1;
  return strict && has('warning').length > 0 ? 3 : 0;
}
