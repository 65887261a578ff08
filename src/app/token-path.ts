/** Where the token for what changes state lies: the server makes it there, the command line finds it there. */

import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

export function tokenPath(
  config: { readonly stateDir?: string; readonly server: { readonly tokenFile?: string } },
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (config.server.tokenFile !== undefined) return config.server.tokenFile;
  if (config.stateDir !== undefined) return join(config.stateDir, 'token');
  const runtime = env.XDG_RUNTIME_DIR;
  return runtime === undefined || runtime === ''
    ? join(tmpdir(), `sonde-${userInfo().uid}`, 'token')
    : join(runtime, 'sonde', 'token');
}
