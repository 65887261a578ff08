/** Finds the token that a server wants to see before it changes anything. */

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { builtins } from '../app/builtins.ts';
import { tokenPlace } from '../app/token-place.ts';
import { loadConfig } from '../config/load.ts';
import { networkTest } from '../lib/network.ts';
import type { Io } from './io.ts';
import type { ChangeOptions, Server } from './server.ts';

/** `none` says where it was looked for; `refused` says why one is not sent. */
export type Token =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'none'; readonly looked: string }
  | { readonly kind: 'refused'; readonly sentence: string };

const isLoopback = networkTest(['127.0.0.0/8', '::1/128']);

export async function findToken(server: Server, options: ChangeOptions, env: Io['env']): Promise<Token> {
  // The socket is for its owner only: who may open it may change everything.
  if (server.socket !== undefined) return { kind: 'none', looked: 'nowhere: a socket needs none' };
  const named = options.tokenFile ?? (env.SONDE_TOKEN_FILE || undefined);
  const local = isLocal(server.url);
  if (named === undefined && !local)
    return { kind: 'none', looked: 'nowhere: the server is on another machine, name a --token-file' };
  if (server.url.protocol === 'http:' && !local && options.insecure !== true)
    return {
      kind: 'refused',
      sentence: 'the token would go over plain http to another machine: use https or a tunnel, or --insecure',
    };
  const file = named ?? (await defaultPlace(env));
  try {
    return { kind: 'token', token: (await readFile(file, 'utf8')).trim() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'none', looked: why.includes(file) ? why : `${file}: ${why}` };
  }
}

function isLocal({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
}

/** Where the server makes it: as the configuration of SONDE_CONFIG says, if there is one. */
async function defaultPlace(env: Io['env']): Promise<string> {
  const file = env.SONDE_CONFIG || undefined;
  const loaded = file === undefined ? undefined : await loadConfig(file, { catalogue: builtins, env });
  return tokenPlace(loaded?.ok === true ? loaded.config : { server: {} }, env).file;
}
