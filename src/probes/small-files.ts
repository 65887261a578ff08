/** Small files that may be replaced while we run (secrets, certificates): read when needed, remembered for a moment. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Clock } from '../core/clock.ts';

/** Milliseconds for which the content is believed. */
const KEEP = 10_000;

export class SmallFiles {
  readonly #clock: Clock;
  readonly #baseDir: string;
  readonly #known = new Map<string, { readonly text: Promise<string>; readonly until: number }>();

  constructor(clock: Clock, baseDir: string) {
    this.#clock = clock;
    this.#baseDir = baseDir;
  }

  /** The content without trailing line ends. Rejects when the file cannot be read. */
  async read(path: string): Promise<string> {
    const known = this.#known.get(path);
    if (known !== undefined && this.#clock.now() < known.until) return known.text;
    const text = readFile(resolve(this.#baseDir, path), 'utf8').then((content) =>
      content.replace(/[\r\n]+$/, ''),
    );
    this.#known.set(path, { text, until: this.#clock.now() + KEEP });
    try {
      return await text;
    } catch (error) {
      this.#known.delete(path);
      throw error;
    }
  }
}
