/** The registry `file`: services and instances in a YAML or JSON file, health in a status file beside it. */

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
import { LONGEST_POLL } from '../shared/polled.ts';
import { fileError, SettledFile } from '../shared/settled-file.ts';
import { serviceKey, Told } from '../shared/told.ts';
import { applyRequests, markToTell, statusKey } from './marks.ts';
import { type Provider, type ProviderService, ProvidersError, parseProviders } from './providers.ts';
import { formatStatus, type ReadStatus, readStatus, replaceFile, setAside } from './status-file.ts';

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
  capabilities: {
    writes: true,
    incarnations: false,
    facts: {
      discovers: 'a YAML or JSON file',
      follows: 'poll',
      writesTo: 'a status file beside it',
      auth: [],
      mapping: { subHealthy: '`sub-healthy`', dead: '`dead`' },
      tested: ['Linux'],
      limits: 'one writer of the status file',
    },
  },
  options,
  create: (given, deps) => new FileRegistry(given, deps),
};

class FileRegistry implements Registry {
  readonly batchSize = 1_000;
  readonly #options: FileOptions;
  readonly #deps: RegistryDeps;
  readonly #path: string;
  readonly #statusPath: string;
  readonly #file: SettledFile;
  #warnedOf = '';

  constructor(given: FileOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
    this.#path = resolve(deps.baseDir, given.path);
    this.#file = new SettledFile(this.#path, deps.name, deps.clock, given.poll);
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
      const text = await this.#file.read(signal);
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
    const services = this.#parse(await this.#file.read(signal));
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
      throw fileError(this.#deps.name, `cannot read ${this.#statusPath}`, error);
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
      throw fileError(this.#deps.name, `cannot write ${this.#statusPath}`, error);
    }
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
