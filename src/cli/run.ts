/** `sonde run`: the program itself. */

import { Option } from 'commander';
import { assemble } from '../app/assemble.ts';
import { builtins } from '../app/builtins.ts';
import { createLog, LOG_LEVELS, type LogLevel } from '../app/log.ts';
import type { Origin } from '../app/reload.ts';
import { JournalInUseError, openState } from '../app/state.ts';
import { systemClock } from '../app/system-clock.ts';
import { version } from '../app/version.ts';
import { loadConfig, revisionNow } from '../config/load.ts';
import { describeAddresses } from './addresses.ts';
import type { AddCommand, Io } from './io.ts';
import { loadOrTell } from './load.ts';

interface RunOptions {
  readonly config: string;
  readonly logLevel: LogLevel;
}

export const addRun: AddCommand = (program, io) => {
  program
    .command('run')
    .description('Discover, probe, judge and write back, until told to stop')
    .addOption(
      new Option('-c, --config <file>', 'the configuration').env('SONDE_CONFIG').makeOptionMandatory(),
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged, on stderr')
        .choices(LOG_LEVELS)
        .default('info')
        .env('SONDE_LOG_LEVEL'),
    )
    .addHelpText(
      'after',
      '\nSIGHUP reads the configuration again. The first SIGINT or SIGTERM drains, a second one ends at once.\n',
    )
    .action((options: RunOptions) => run(options, io));
};

async function run({ config: file, logLevel }: RunOptions, io: Io): Promise<void> {
  const loaded = await loadOrTell(file, io);
  if (loaded === undefined) return;
  const log = createLog(logLevel);
  const { config, catalogue } = loaded;
  try {
    const origin: Origin = {
      name: file,
      load: () => loadConfig(file, { catalogue: builtins, env: io.env }),
      revision: (files) => revisionNow(files, {}),
    };
    await using state = await openState(config, { clock: systemClock, log });
    const deps = { clock: systemClock, log, env: io.env, random: Math.random, origin, state };
    await using app = assemble({ config, catalogue }, deps);
    const failed = await app.listen();
    if (failed !== undefined) {
      log.flush();
      io.err.write(`sonde: cannot listen: ${failed}\n`);
      io.exit(4);
      return;
    }
    const { registries, checks } = config;
    const counts = { registries: registries.length, checks: checks.length };
    log.info('sonde is running', {
      version,
      config: file,
      ...describeAddresses(app.addresses, config.server.tls !== undefined),
      ...counts,
    });
    using _hangup = io.onHangup(() => void app.reloader.reload('SIGHUP'));
    io.signal.addEventListener(
      'abort',
      () => log.info('Draining: looks in flight end, what waits is written; a second signal ends at once'),
      { once: true },
    );
    await app.run(io.signal);
    log.info('sonde has stopped');
  } catch (error) {
    if (!(error instanceof JournalInUseError)) throw error;
    io.err.write(`sonde: ${error.message}\n`);
    io.exit(1);
  } finally {
    log.flush();
  }
}
