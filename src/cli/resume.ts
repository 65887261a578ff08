/** `sonde resume`: ends pauses, holds and releases before their time. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import type { Intervention } from '../core/intervention.ts';
import { printable } from '../lib/text-width.ts';
import { addChangeOptions, connectTo } from './connect.ts';
import type { AddCommand, Io } from './io.ts';
import { covers, formatSelector, parseSelector } from './selector.ts';
import type { ChangeOptions } from './server.ts';
import { complain, giveUp, printDocument } from './tell.ts';
import { whoami } from './whoami.ts';

interface ResumeOptions extends ChangeOptions {
  readonly by?: string;
  readonly output: 'text' | 'json';
}

export const addResume: AddCommand = (program, io, clock) => {
  const command = program
    .command('resume')
    .description('End pauses, holds and releases before their time')
    .argument('<selector-or-id>', 'id of an intervention, or a selector that covers what was selected')
    .option('--by <name>', 'who says so (default: user@host)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  addChangeOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((text: string, options: ResumeOptions) => resume(text, options, command, io, clock));
};

const EXAMPLES = `
Examples:
  sonde resume shop/web-cart
  sonde resume 0123456789abcdef
  sonde resume '*'          # all of them
`;

async function resume(
  text: string,
  options: ResumeOptions,
  command: Command,
  io: Io,
  clock: Clock,
): Promise<void> {
  await using client = await connectTo(options, command, io, clock);
  const all = await client.get<{ readonly items: readonly Intervention[] }>('/v1/interventions', io.signal);
  if (all.kind === 'failed') {
    giveUp(io, all);
    return;
  }
  const meant = chosen(text, all.value.items);
  if (meant.length === 0) {
    complain(io, `nothing is laid upon ${text} (sonde get interventions)`);
    io.exit(1);
    return;
  }
  const lifted: Intervention[] = [];
  const by = options.by ?? whoami();
  for (const one of meant) {
    const gone = await client.change('DELETE', `/v1/interventions/${one.id}`, { by }, io.signal);
    // Somebody else was faster, or its time was over.
    if (gone.kind === 'failed' && gone.status !== 404) {
      giveUp(io, gone);
      break;
    }
    lifted.push(one);
  }
  if (options.output === 'json') printDocument(io, 'json', lifted);
  else
    for (const { kind, selector } of lifted)
      io.out.write(printable(`Lifted the ${kind} of ${formatSelector(selector)}.`).concat('\n'));
}

function chosen(text: string, all: readonly Intervention[]): readonly Intervention[] {
  const named = all.filter(({ id }) => id === text);
  const selector = parseSelector(text);
  if (named.length > 0 || selector === undefined) return named;
  return all.filter((one) => covers(selector, one.selector));
}
