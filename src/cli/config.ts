/** `sonde config`: about the configuration's format, and about what is in force by it. */

import { Option } from 'commander';
import { builtins } from '../app/builtins.ts';
import { type Effective, effectiveOf } from '../config/effective.ts';
import { configSchema } from '../config/json-schema.ts';
import { renderYaml, valuesOf } from '../config/render.ts';
import type { AddCommand, Io } from './io.ts';
import { loadOrTell } from './load.ts';

interface RenderOptions {
  readonly config: string;
  readonly showOrigin?: true;
  readonly output: 'yaml' | 'json';
}

export const addConfig: AddCommand = (program, io) => {
  const command = program
    .command('config')
    .description('About the configuration file')
    .addHelpText(
      'after',
      '\nExamples:\n  sonde config schema > probes.schema.json\n  sonde config render -c sonde.yaml --show-origin\n',
    );
  command
    .command('schema')
    .description('Print the JSON Schema of the configuration file, for editors')
    .action(() => {
      io.out.write(`${JSON.stringify(configSchema(builtins), undefined, 2)}\n`);
    });
  command
    .command('render')
    .description('Print every value that is in force, defaults too; secrets are not shown')
    .addOption(
      new Option('-c, --config <file>', 'the configuration').env('SONDE_CONFIG').makeOptionMandatory(),
    )
    .option('--show-origin', 'say of each value where it comes from')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', '\nExamples:\n  sonde config render -c sonde.yaml --show-origin\n')
    .action((options: RenderOptions) => render(options, io));
};

async function render({ config, showOrigin, output }: RenderOptions, io: Io): Promise<void> {
  let effective: Effective | undefined;
  await loadOrTell(config, io, io.env, {
    tree: (root, source, catalogue) => {
      effective = effectiveOf(root, source, catalogue);
    },
  });
  if (effective === undefined) return;
  if (output === 'yaml') io.out.write(renderYaml(effective, showOrigin === true));
  else io.out.write(`${JSON.stringify({ values: [...valuesOf(effective)] }, undefined, 2)}\n`);
}
