/** Reads query parameters; what is wrong with them is gathered and told together. */

import type { ApiResponse } from './message.ts';
import { problem } from './problem.ts';

const INTEGER = /^[0-9]{1,9}$/;

export class Query {
  readonly #parameters: URLSearchParams;
  readonly #read = new Set<string>();
  readonly #wrong: string[] = [];

  constructor(search: string) {
    this.#parameters = new URLSearchParams(search);
  }

  /** The last value, undefined if it is absent or empty. */
  text(name: string): string | undefined {
    this.#read.add(name);
    const value = this.#parameters.getAll(name).at(-1);
    return value === '' ? undefined : value;
  }

  /** Values separated by commas, or given more than once. */
  list(name: string): readonly string[] | undefined {
    this.#read.add(name);
    const values = this.#parameters.getAll(name).flatMap((value) => value.split(','));
    return values.length === 0 ? undefined : values;
  }

  /** A list of which every member is one of `allowed`. */
  listOf<const T extends string>(name: string, allowed: readonly T[]): readonly T[] | undefined {
    return this.list(name)?.flatMap((value) => {
      const found = allowed.find((one) => one === value);
      if (found === undefined) this.wrong(name, `must be of ${allowed.join(', ')}`);
      return found === undefined ? [] : [found];
    });
  }

  oneOf<const T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name) ?? fallback;
    const found = allowed.find((one) => one === value);
    if (found === undefined) this.wrong(name, `must be one of ${allowed.join(', ')}`);
    return found ?? fallback;
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const value = this.text(name) ?? String(fallback);
    const number = Number(value);
    if (INTEGER.test(value) && number >= min && number <= max) return number;
    this.wrong(name, `must be a whole number from ${min} to ${max}`);
    return fallback;
  }

  wrong(name: string, why: string): void {
    const sentence = `${name} ${why}`;
    if (!this.#wrong.includes(sentence)) this.#wrong.push(sentence);
  }

  /** To be asked once everything was read: parameters that nobody read are wrong too, most of all misspelt ones. */
  refusal(): ApiResponse | undefined {
    const known = [...this.#read].join(', ');
    const why = known === '' ? 'is not a parameter here' : `is not one of ${known}`;
    for (const name of new Set(this.#parameters.keys())) {
      if (!this.#read.has(name)) this.wrong(JSON.stringify(name), why);
    }
    if (this.#wrong.length === 0) return undefined;
    return problem('bad-parameter', `${this.#wrong.join('; ')}.`);
  }
}
