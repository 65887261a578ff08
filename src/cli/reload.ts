/** `sonde reload`: lets a running sonde read its configuration again. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import type { ReloadResult } from '../core/control.ts';
import type { Failed } from './client.ts';
import { addChangeOptions, connectTo } from './connect.ts';
import type { AddCommand, Io } from './io.ts';
import { withProgress } from './progress.ts';
import type { ChangeOptions } from './server.ts';
import { giveUp, printDocument } from './tell.ts';
import { whoami } from './whoami.ts';

interface ReloadOptions extends ChangeOptions {
  readonly output: 'text' | 'json';
}

/** Milliseconds: plugins may take their time, and ten thousand targets too. */
const PATIENCE = 60_000;

export const addReload: AddCommand = (program, io, clock) => {
  const command = program
    .command('reload')
    .description('Let sonde read its configuration again: what is wrong changes nothing and exits with 1')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  addChangeOptions(command)
    .addHelpText('after', '\nExamples:\n  sonde reload\n  sonde diff -c sonde.yaml && sonde reload\n')
    .action((options: ReloadOptions) => reload(options, command, io, clock));
};

async function reload(options: ReloadOptions, command: Command, io: Io, clock: Clock): Promise<void> {
  await using client = await connectTo(options, command, io, clock);
  const by = { by: whoami() };
  const work = client.change<ReloadResult>('POST', '/-/reload', by, io.signal, PATIENCE);
  const done = await withProgress(io, clock, () => 'reloading', work);
  const rejected = done.kind === 'failed' ? rejection(done) : undefined;
  if (done.kind === 'failed' && rejected === undefined) {
    giveUp(io, done);
    return;
  }
  const result = done.kind === 'failed' ? rejected : done.value;
  if (options.output === 'json') printDocument(io, 'json', result);
  else if (result?.kind === 'rejected') {
    // Frames of the server's own configuration: they are lines, and printable already.
    io.err.write(`${result.text.trimEnd()}\n\nRejected: nothing was changed.\n`);
  } else if (result !== undefined) io.out.write(`${sentence(result)}\n`);
  if (rejected !== undefined) io.exit(1);
}

function rejection({ status, body }: Failed): ReloadResult | undefined {
  if (status !== 422 || typeof body !== 'object' || body === null || !('text' in body)) return undefined;
  return typeof body.text === 'string' ? { kind: 'rejected', text: body.text } : undefined;
}

function sentence(result: Exclude<ReloadResult, { readonly kind: 'rejected' }>): string {
  if (result.kind === 'unchanged') return 'The configuration is the one that is in force: nothing changed.';
  const { added, removed, changed, kept } = result.changes;
  return `Reloaded: ${added} targets added, ${removed} removed, ${changed} changed, ${kept} kept.`;
}
