/** The registry `file-sd`: files of target groups as Prometheus' file service discovery reads them. Nothing is written. */

import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Registry, type RegistryDeps, RegistryError, type RegistryPlugin } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { globMatches } from '../../lib/glob.ts';
import { filePath } from '../../options/fields.ts';
import { type Poll, polled } from '../shared/polled.ts';
import { fileError, SettledFile } from '../shared/settled-file.ts';
import { decodeGroups, GroupsError, groupFields, servicesOf, type TargetGroups } from './groups.ts';

const options = z.strictObject({
  files: z
    .array(filePath)
    .min(1)
    .meta({ description: 'JSON or YAML files; the last part of a path may hold * and ?' }),
  ...groupFields,
});

export type FileSdOptions = z.output<typeof options>;

export const fileSdRegistry: RegistryPlugin<FileSdOptions> = {
  name: 'file-sd',
  summary: "Target groups in files, as Prometheus' file service discovery has them; read only.",
  capabilities: {
    writes: false,
    incarnations: false,
    facts: {
      discovers: 'files of target groups',
      follows: 'poll',
      auth: [],
      tested: ['Linux'],
      limits: 'read only',
    },
  },
  options,
  create: (given, deps) => new FileSdRegistry(given, deps),
};

class FileSdRegistry implements Registry {
  readonly batchSize = 1;
  readonly #options: FileSdOptions;
  readonly #deps: RegistryDeps;
  readonly #files = new Map<string, SettledFile>();

  constructor(given: FileSdOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
  }

  snapshots(signal: AbortSignal): AsyncIterable<Snapshot> {
    let before = '';
    const list = async (): Promise<Poll> => {
      const texts = await this.#texts(signal);
      const now = JSON.stringify(texts);
      const again = this.#options.poll;
      if (now === before) return { services: undefined, again };
      const services = this.#decode(texts);
      before = now;
      return { services, again };
    };
    return polled(list, this.#deps.clock, signal);
  }

  #decode(texts: readonly (readonly [string, string])[]): Poll['services'] {
    const groups = texts.flatMap(([path, text]) => this.#told(path, () => groupsIn(text)));
    return this.#told(this.#options.files.join(', '), () => servicesOf(groups, this.#options));
  }

  #told<T>(where: string, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof GroupsError)) throw error;
      throw new RegistryError('protocol', `registry ${this.#deps.name}: ${where}: ${error.message}`);
    }
  }

  async #texts(signal: AbortSignal): Promise<readonly (readonly [string, string])[]> {
    const paths = [
      ...new Set((await Promise.all(this.#options.files.map((one) => this.#paths(one)))).flat()),
    ];
    for (const path of this.#files.keys()) if (!paths.includes(path)) this.#files.delete(path);
    return Promise.all(
      paths.sort().map(async (path) => {
        const { name, clock } = this.#deps;
        const file = this.#files.get(path) ?? new SettledFile(path, name, clock, this.#options.poll);
        this.#files.set(path, file);
        return [path, await file.read(signal)] as const;
      }),
    );
  }

  /** The files that a pattern means; a pattern without any is a mistake or an outage, never an empty registry. */
  async #paths(pattern: string): Promise<readonly string[]> {
    const path = resolve(this.#deps.baseDir, pattern);
    const last = basename(path);
    if (!/[*?]/.test(last)) return [path];
    const folder = dirname(path);
    let names: readonly string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      throw fileError(this.#deps.name, `cannot list ${folder}`, error);
    }
    const found = names.filter((name) => !name.startsWith('.') && globMatches(last, name));
    if (found.length === 0)
      throw new RegistryError('unreachable', `registry ${this.#deps.name}: no file matches ${path}`);
    return found.map((name) => join(folder, name));
  }
}

/** JSON is YAML. An empty file says nothing, and nothing is not "no targets". */
function groupsIn(text: string): TargetGroups {
  let value: unknown;
  try {
    value = parse(text) as unknown;
  } catch (error) {
    throw new GroupsError(error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error));
  }
  return decodeGroups(value);
}
