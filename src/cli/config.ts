/** `sonde config`: about the configuration's format. */

import { builtins } from '../app/builtins.ts';
import { configSchema } from '../config/json-schema.ts';
import type { AddCommand } from './io.ts';

export const addConfig: AddCommand = (program, io) => {
  program
    .command('config')
    .description('About the configuration file')
    .addHelpText('after', '\nExamples:\n  sonde config schema > probes.schema.json\n')
    .command('schema')
    .description('Print the JSON Schema of the configuration file, for editors')
    .action(() => {
      io.out.write(`${JSON.stringify(configSchema(builtins), undefined, 2)}\n`);
    });
};
