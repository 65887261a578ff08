/** Reads a file once nobody is writing it: half of a file that is just being written is often a valid one. */

import { readFile } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { RegistryError } from '../../core/registry.ts';

/** A file must stay the same this long, milliseconds. */
const SETTLE = 100;

export class SettledFile {
  readonly #path: string;
  readonly #registry: string;
  readonly #clock: Clock;
  readonly #settle: number;
  /** The file as it was when it had last settled. */
  #settled: string | undefined;

  /** `poll`: milliseconds between two readings; a shorter one settles sooner. */
  constructor(path: string, registry: string, clock: Clock, poll: number) {
    this.#path = path;
    this.#registry = registry;
    this.#clock = clock;
    this.#settle = Math.min(SETTLE, poll);
  }

  /** Throws `RegistryError` where it cannot be read. */
  async read(signal: AbortSignal): Promise<string> {
    let text = await this.#readNow();
    while (text !== this.#settled) {
      await this.#clock.sleep(this.#settle, signal);
      const again = await this.#readNow();
      if (again === text) this.#settled = text;
      text = again;
    }
    return text;
  }

  async #readNow(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      throw fileError(this.#registry, `cannot read ${this.#path}`, error);
    }
  }
}

/** What a failing file system call says of the registry. */
export function fileError(registry: string, what: string, error: unknown): RegistryError {
  const { code, message } = error as NodeJS.ErrnoException;
  const forbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new RegistryError(
    forbidden ? 'forbidden' : 'unreachable',
    `registry ${registry}: ${what}: ${message}`,
    { cause: error },
  );
}
