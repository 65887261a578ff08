/** The real program as a process of its own, started as a user starts it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../bin/sonde.js');

export class SondeProcess {
  readonly #child: ChildProcess;
  out = '';
  err = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    this.#child.stdout?.on('data', (text: Buffer) => {
      this.out += text.toString();
    });
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.err += text.toString();
    });
  }

  /** Its exit code, or the signal that ended it. */
  async ended(): Promise<number | string> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    return this.#child.exitCode ?? this.#child.signalCode ?? '';
  }

  async signal(name: NodeJS.Signals): Promise<number | string> {
    this.#child.kill(name);
    return this.ended();
  }

  /** Sends a signal and does not wait for an end. */
  poke(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

/** Runs a command to its end. */
export async function sonde(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | string; readonly out: string; readonly err: string }> {
  const child = new SondeProcess(args, env);
  const code = await child.ended();
  return { code, out: child.out, err: child.err };
}
