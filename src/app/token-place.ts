/** Where the token for what changes state lies: the server makes it there, the command line finds it there. */

import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

export interface TokenPlace {
  readonly file: string;
  /** Anybody may write there. */
  readonly shared: boolean;
}

export function tokenPlace(
  config: { readonly stateDir?: string; readonly server: { readonly tokenFile?: string } },
  env: Readonly<Record<string, string | undefined>>,
): TokenPlace {
  if (config.server.tokenFile !== undefined) return { file: config.server.tokenFile, shared: false };
  if (config.stateDir !== undefined) return { file: join(config.stateDir, 'token'), shared: false };
  const runtime = env.XDG_RUNTIME_DIR;
  return runtime === undefined || runtime === ''
    ? { file: join(tmpdir(), `sonde-${userInfo().uid}`, 'token'), shared: true }
    : { file: join(runtime, 'sonde', 'token'), shared: false };
}
