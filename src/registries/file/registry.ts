/** The registry `file`: services and instances in a YAML or JSON file, health in a status file beside it. */

import { readFile } from 'node:fs/promises';
import { dirname, join, parse, resolve } from 'node:path';
import { z } from 'zod';
import type { Entry, FoundMark } from '../../core/instance.ts';
import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { duration, filePath } from '../../options/fields.ts';
import { weightField } from '../shared/mark.ts';
import { serviceKey, Told } from '../shared/told.ts';
import { applyRequests, markToTell, statusKey } from './marks.ts';
import { type Provider, type ProviderService, ProvidersError, parseProviders } from './providers.ts';
import { formatStatus, type ReadStatus, readStatus, replaceFile, setAside } from './status-file.ts';

/** A registry confirms itself at least this often (core/snapshot.ts), milliseconds. */
const LONGEST_POLL = 10_000;
/** Half of a file that is just being written is often a valid one: it must stay the same this long, milliseconds. */
const SETTLE = 100;

const options = z.strictObject({
  path: filePath.meta({ description: 'The file of services and instances, YAML or JSON' }),
  statusPath: filePath
    .optional()
    .meta({ description: 'Where health is written; default NAME.status.json beside path' }),
  poll: duration
    .refine((ms) => ms > 0 && ms <= LONGEST_POLL, 'must be from 1ms to 10s')
    .default(1_000)
    .meta({ description: 'How often the files are read, at most 10s' }),
  weight: weightField,
});

export type FileOptions = z.output<typeof options>;

export const fileRegistry: RegistryPlugin<FileOptions> = {
  name: 'file',
  summary: 'Services and instances in a YAML or JSON file; health goes into a status file beside it.',
  capabilities: { writes: true, incarnations: false },
  options,
  create: (given, deps) => new FileRegistry(given, deps),
};

class FileRegistry implements Registry {
  readonly batchSize = 1_000;
  readonly #options: FileOptions;
  readonly #deps: RegistryDeps;
  readonly #path: string;
  readonly #statusPath: string;
  /** The file as it was when it had last settled. */
  #settled: string | undefined;
  #warnedOf = '';

  constructor(given: FileOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
    this.#path = resolve(deps.baseDir, given.path);
    const beside = join(dirname(this.#path), `${parse(this.#path).name}.status.json`);
    this.#statusPath = given.statusPath === undefined ? beside : resolve(deps.baseDir, given.statusPath);
  }

  /** By content and not by file events: a ConfigMap is swapped by a symlink above, which no watch on the file sees. */
  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const told = new Told();
    let known: { readonly text: string; readonly services: readonly ProviderService[] } | undefined;
    let status = '';
    for (;;) {
      signal.throwIfAborted();
      const text = await this.#read(signal);
      const marks = await this.#readStatus();
      if (text !== known?.text || marks.text !== status) {
        known = { text, services: text === known?.text ? known.services : this.#parse(text) };
        status = marks.text;
        yield* this.#tell(known.services, marks, told);
      }
      yield { kind: 'synced' };
      await this.#deps.clock.sleep(this.#options.poll, signal);
    }
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const services = this.#parse(await this.#read(signal));
    const found = await this.#readStatus();
    const { receipts, status } = applyRequests(requests, services, found.status, this.#options.weight);
    signal.throwIfAborted();
    if (status !== undefined) await this.#replace(formatStatus(status), found.corrupt);
    return receipts;
  }

  *#tell(services: readonly ProviderService[], { status }: ReadStatus, told: Told): Generator<Snapshot> {
    const listed = new Set<string>();
    for (const { namespace, name, instances } of services) {
      const service = { namespace, service: name };
      listed.add(serviceKey(service));
      const entries = [...instances].map(([key, provider]) =>
        entryOf(key, provider, markToTell(status.instances[statusKey(service, key)], provider)),
      );
      yield* told.tell(service, entries);
    }
    for (const name of told.names()) if (!listed.has(serviceKey(name))) yield* told.tell(name, undefined);
  }

  /** The providers' file, once nobody is writing it. */
  async #read(signal: AbortSignal): Promise<string> {
    let text = await this.#readNow();
    while (text !== this.#settled) {
      await this.#deps.clock.sleep(Math.min(SETTLE, this.#options.poll), signal);
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
      throw this.#failed(`cannot read ${this.#path}`, error);
    }
  }

  #parse(text: string): readonly ProviderService[] {
    try {
      return parseProviders(text);
    } catch (error) {
      if (!(error instanceof ProvidersError)) throw error;
      throw new RegistryError('protocol', `registry ${this.#deps.name}: ${this.#path}:${error.message}`);
    }
  }

  async #readStatus(): Promise<ReadStatus> {
    try {
      const found = await readStatus(this.#statusPath);
      if (found.corrupt && found.text !== this.#warnedOf) {
        this.#warnedOf = found.text;
        this.#deps.log.warn('The status file is corrupt: its marks are ignored, a write sets it aside', {
          registry: this.#deps.name,
          file: this.#statusPath,
        });
      }
      return found;
    } catch (error) {
      throw this.#failed(`cannot read ${this.#statusPath}`, error);
    }
  }

  async #replace(text: string, corrupt: boolean): Promise<void> {
    try {
      if (corrupt) {
        const aside = await setAside(this.#statusPath, this.#deps.clock.wall());
        this.#deps.log.warn('A corrupt status file was set aside', {
          registry: this.#deps.name,
          file: aside,
        });
      }
      await replaceFile(this.#statusPath, text);
    } catch (error) {
      throw this.#failed(`cannot write ${this.#statusPath}`, error);
    }
  }

  #failed(what: string, error: unknown): RegistryError {
    const { code, message } = error as NodeJS.ErrnoException;
    const forbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    return new RegistryError(
      forbidden ? 'forbidden' : 'unreachable',
      `registry ${this.#deps.name}: ${what}: ${message}`,
      { cause: error },
    );
  }
}

function entryOf(key: string, provider: Provider, mark: FoundMark | undefined): Entry {
  const { host, port, metadata, enabled, draining, weight } = provider;
  return {
    key,
    incarnation: '',
    revision: '',
    host,
    port,
    metadata,
    enabled,
    draining,
    ...(weight === undefined ? {} : { weight }),
    ...(mark === undefined ? {} : { mark }),
  };
}
