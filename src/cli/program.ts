/** The command line: the list of commands, and what they have in common. */

import { Command } from 'commander';
import { systemClock } from '../app/system-clock.ts';
import { version } from '../app/version.ts';
import type { Clock } from '../core/clock.ts';
import { addCheck } from './check.ts';
import { addCompletion } from './completion.ts';
import { addConfig } from './config.ts';
import { addDemo } from './demo.ts';
import { addDiff } from './diff.ts';
import { addDoctor } from './doctor.ts';
import { addExplain } from './explain.ts';
import { addGet } from './get.ts';
import { addGuard } from './guard.ts';
import { addInterventions } from './intervene.ts';
import type { AddCommand, Io } from './io.ts';
import { addPing } from './ping.ts';
import { addOverwrite, addProbe } from './probe.ts';
import { addReload } from './reload.ts';
import { addResume } from './resume.ts';
import { addRun } from './run.ts';
import { withPlainSigns } from './signs.ts';
import { addStatus } from './status.ts';
import { addValidate } from './validate.ts';
import { addWait } from './wait.ts';

/** In the order of the help: running it, looking at it, changing it, its configuration, and the rest. */
const COMMANDS: readonly AddCommand[] = [
  addRun,
  addDemo,
  addCheck,
  addStatus,
  addGet,
  addExplain,
  addWait,
  addProbe,
  addInterventions,
  addResume,
  addGuard,
  addOverwrite,
  addValidate,
  addDiff,
  addReload,
  addConfig,
  addDoctor,
  addPing,
  addCompletion,
];

/** Wrong usage throws a CommanderError once it was told. */
export function createProgram(world: Io, clock: Clock = systemClock): Command {
  const io = withPlainSigns(world);
  const program = new Command('sonde')
    .description('Active health-check prober: discovers, probes, judges, writes back.')
    .version(version)
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => io.out.columns,
      getErrHelpWidth: () => io.err.columns,
    })
    // Names alone leave room for what they do.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  for (const add of COMMANDS) add(program, io, clock);
  inherit(program);
  return program;
}

/** Subcommands made by `command()` take over the settings of their parent only if they were made before. */
function inherit(command: Command): void {
  for (const below of command.commands) {
    below.copyInheritedSettings(command);
    inherit(below);
  }
}
