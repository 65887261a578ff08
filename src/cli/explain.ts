/** `sonde explain`: why an instance has its health, or what an error code means. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import type { ExplainView } from '../core/explain-view.ts';
import { addServerOptions, connectTo } from './connect.ts';
import { tellErrorPage } from './error-page.ts';
import { explainBox } from './explain-box.ts';
import { findInstance, instancePath } from './instance.ts';
import type { Io } from './io.ts';
import { lookOf } from './look.ts';
import type { ServerOptions } from './server.ts';
import { giveUp, printDocument } from './tell.ts';

interface ExplainOptions extends ServerOptions {
  readonly output: 'text' | 'json' | 'yaml';
}

export function addExplain(program: Command, io: Io, clock: Clock): void {
  const command = program
    .command('explain')
    .description('Say why an instance has its health and what would change it, or what an error code means')
    .argument('<instance-or-code>', 'id or host:port of an instance, or the code of an error (SND1003)')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['text', 'json', 'yaml']).default('text'),
    );
  addServerOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, options: ExplainOptions) => {
      if (/^SND[0-9]+$/i.test(name)) await tellErrorPage(name.toUpperCase(), io);
      else await explain(name, options, command, io, clock);
    });
}

const EXAMPLES = `
Examples:
  sonde explain 10.2.4.17:8080
  sonde explain 0123456789abcdef -o json
  sonde explain SND1003
`;

async function explain(
  name: string,
  options: ExplainOptions,
  command: Command,
  io: Io,
  clock: Clock,
): Promise<void> {
  await using client = await connectTo(options, command, io, clock);
  const instance = await findInstance(name, client, io);
  if (instance === undefined) return;
  const explained = await client.get<ExplainView>(instancePath(instance.id, '/explain'), io.signal);
  if (explained.kind === 'failed') giveUp(io, explained, explained.status === 404 ? 1 : 4);
  else if (options.output === 'text') io.out.write(explainBox(explained.value, lookOf(io), clock.wall()));
  else printDocument(io, options.output, explained.value);
}
