/** The registry `file`: services and instances in a YAML or JSON file, health in a status file beside it. */

import { readFile } from 'node:fs/promises';
import { dirname, join, parse, resolve } from 'node:path';
import { z } from 'zod';
import type { Entry } from '../../core/instance.ts';
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
import { decide, readMark, weightField } from '../shared/mark.ts';
import { type Provider, type ProviderService, ProvidersError, parseProviders } from './providers.ts';
import { formatStatus, readStatus, replaceFile, type StatusEntry, setAside } from './status-file.ts';

const options = z.strictObject({
  path: filePath.meta({ description: 'The file of services and instances, YAML or JSON' }),
  statusPath: filePath
    .optional()
    .meta({ description: 'Where health is written; default NAME.status.json beside path' }),
  poll: duration.default(1_000).meta({ description: 'How often the files are read' }),
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
    const told = new Map<
      string,
      { readonly text: string; readonly namespace: string; readonly service: string }
    >();
    let seen: string | undefined;
    for (;;) {
      signal.throwIfAborted();
      const text = await this.#read();
      const status = await this.#status();
      if (text + status.text !== seen) {
        const services = this.#parse(text);
        const listed = new Set<string>();
        for (const { namespace, name, instances } of services) {
          const entries = [...instances].map(([key, provider]) =>
            entryOf(key, provider, status.of(namespace, name, key)),
          );
          const service = `${namespace}/${name}`;
          listed.add(service);
          const now = JSON.stringify(entries);
          if (told.get(service)?.text === now) continue;
          told.set(service, { text: now, namespace, service: name });
          yield { kind: 'service', namespace, service: name, entries };
        }
        for (const [key, { namespace, service }] of told) {
          if (listed.has(key)) continue;
          told.delete(key);
          yield { kind: 'gone', namespace, service };
        }
        seen = text + status.text;
      }
      yield { kind: 'synced' };
      await this.#deps.clock.sleep(this.#options.poll, signal);
    }
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const services = this.#parse(await this.#read());
    const found = await this.#readStatus();
    const before = found.kind === 'read' ? found.status : { version: 1 as const, writer: '', instances: {} };
    const providers = new Map<string, Provider>(
      services.flatMap(({ namespace, name, instances }) =>
        [...instances].map(([key, provider]) => [`${namespace}/${name}/${key}`, provider] as const),
      ),
    );
    // What sonde said of instances that are gone goes with the next write.
    const instances = Object.fromEntries(
      Object.entries(before.instances).filter(([key]) => providers.has(key)),
    );
    let writer = before.writer;
    const receipts = requests.map((request): Receipt => {
      const key = statusKey(request);
      const provider = providers.get(key);
      if (provider === undefined) return { instance: request.instance.id, kind: 'gone' };
      const standing = { weight: provider.weight, mark: markIn(instances[key]) };
      const decision = decide(request, standing, this.#options.weight);
      if (decision.kind === 'receipt') return decision.receipt;
      const { mark, weight } = decision;
      if (mark === undefined) delete instances[key];
      else
        instances[key] = {
          ...mark,
          ...(mark.original.weight === undefined || weight === undefined ? {} : { weight }),
        };
      writer = request.writer;
      return { instance: request.instance.id, kind: 'written' };
    });
    if (receipts.some(({ kind }) => kind === 'written')) {
      signal.throwIfAborted();
      await this.#replace(formatStatus({ ...before, writer, instances }), found.kind === 'corrupt');
    }
    return receipts;
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

  async #read(): Promise<string> {
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

  async #readStatus(): ReturnType<typeof readStatus> {
    try {
      return await readStatus(this.#statusPath);
    } catch (error) {
      throw this.#failed(`cannot read ${this.#statusPath}`, error);
    }
  }

  /** The marks of the status file, by instance. */
  async #status() {
    const found = await this.#readStatus();
    if (found.kind === 'corrupt' && found.text !== this.#warnedOf) {
      this.#warnedOf = found.text;
      this.#deps.log.warn('The status file is corrupt; marks in it are ignored', {
        registry: this.#deps.name,
        file: this.#statusPath,
      });
    }
    const instances = found.kind === 'read' ? found.status.instances : {};
    return {
      text: found.text,
      of: (namespace: string, service: string, key: string) =>
        markIn(instances[`${namespace}/${service}/${key}`]),
    };
  }

  #failed(what: string, error: unknown): RegistryError {
    const { code, message } = error as NodeJS.ErrnoException;
    const forbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    return new RegistryError(
      forbidden ? 'forbidden' : 'unreachable',
      `registry ${this.#deps.name}: ${what}: ${message}`,
      {
        cause: error,
      },
    );
  }
}

/** An entry of the status file as a mark; its own scaled weight stands beside it. */
function markIn(stored: unknown): ReturnType<typeof readMark> {
  return readMark(stored, (stored as Partial<StatusEntry> | undefined)?.weight);
}

function statusKey({ instance }: WriteRequest): string {
  return `${instance.namespace}/${instance.service}/${instance.key}`;
}

function entryOf(key: string, provider: Provider, mark: ReturnType<typeof readMark>): Entry {
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
