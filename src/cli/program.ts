/** The command line: the list of commands, and what they have in common. */

import { Command } from 'commander';
import { version } from '../app/version.ts';
import { addCheck } from './check.ts';
import { addConfig } from './config.ts';
import { addDemo } from './demo.ts';
import { addGet } from './get.ts';
import type { AddCommand, Io } from './io.ts';
import { addPing } from './ping.ts';
import { addRun } from './run.ts';
import { addValidate } from './validate.ts';

const COMMANDS: readonly AddCommand[] = [addRun, addDemo, addCheck, addValidate, addGet, addPing, addConfig];

/** Wrong usage throws a CommanderError once it was told. */
export function createProgram(io: Io): Command {
  const program = new Command('sonde')
    .description('Active health-check prober: discovers, probes, judges, writes back.')
    .version(version)
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => io.out.columns,
      getErrHelpWidth: () => io.err.columns,
    })
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  for (const add of COMMANDS) add(program, io);
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
