/** Ends a server that a test started, at once and for certain. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Resolves when it is gone; at once where there is none. */
export async function endNow(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
