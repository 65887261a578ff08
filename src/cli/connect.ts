/** The options of client commands, and the client that comes of them. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Clock } from '../core/clock.ts';
import { Client } from './client.ts';
import type { Io } from './io.ts';
import { type ChangeOptions, DEFAULT_SERVER, parseServer } from './server.ts';
import { findToken } from './token.ts';

/** Adds the options of a command that asks. */
export function addServerOptions(command: Command): Command {
  return command
    .option(
      '--server <url>',
      `where sonde runs: http(s)://…, or unix:/path of its socket (SONDE_SERVER, else ${DEFAULT_SERVER})`,
    )
    .option('--ca-file <file>', 'certificates to believe of an https server (SONDE_CA_FILE)');
}

/** Adds the options of a command that changes something. */
export function addChangeOptions(command: Command): Command {
  return addServerOptions(command)
    .option('--token-file <file>', 'the token for changes (SONDE_TOKEN_FILE, else where the server keeps it)')
    .option('--insecure', 'send the token over plain http to another machine, too');
}

/** Usage errors end the command; nothing is asked yet. */
export async function connectTo(
  options: ChangeOptions,
  command: Command,
  io: Io,
  clock: Clock,
): Promise<Client> {
  const asked = options.server ?? (io.env.SONDE_SERVER || DEFAULT_SERVER);
  const server = parseServer(asked);
  if (server === undefined)
    return command.error(`error: '${asked}' is no http:// or https:// URL of a server, and no unix:/path`);
  const caFile = options.caFile ?? (io.env.SONDE_CA_FILE || undefined);
  const ca = caFile === undefined ? undefined : await readOr(caFile, command);
  return new Client({
    server,
    clock,
    ...(ca === undefined ? {} : { ca }),
    token: () => findToken(server, options, io.env),
  });
}

async function readOr(file: string, command: Command): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return command.error(
      `error: --ca-file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
