/** The registry `zookeeper`: instances are nodes, as Dubbo registers them or by a pattern; watched, never trusted to be silent. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { serviceKey } from '../shared/told.ts';
import { Follower } from './follower.ts';
import type { Layout } from './layout.ts';
import { ApplicationLayout } from './layout-applications.ts';
import { InterfaceLayout } from './layout-interfaces.ts';
import { marksInNodes, PathLayout } from './layout-path.ts';
import { type ZookeeperOptions, zookeeperOptions } from './options.ts';
import type { WatchEvent } from './protocol.ts';
import { Session } from './session.ts';
import { writeIntoValue } from './value-writer.ts';
import { NodeWriter } from './writer.ts';

export const zookeeperRegistry: RegistryPlugin<ZookeeperOptions> = {
  name: 'zookeeper',
  summary:
    'Instances are nodes of a ZooKeeper, as Dubbo registers them or by a pattern; health becomes Dubbo’s rules, or stands in the node.',
  capabilities: {
    writes: true,
    incarnations: true,
    facts: {
      discovers: 'Dubbo’s interfaces or applications, or nodes by a pattern of paths',
      follows: 'push',
      writesTo:
        'Dubbo’s rules (override URLs, rule documents) with marks beside them; or the node’s JSON text',
      auth: ['password', 'client certificate'],
      mapping: { subHealthy: 'rule with weight × 0.3', dead: 'rule with `disabled`' },
      tested: ['ZooKeeper 3.8.0, alone and as an ensemble of three; consumers of Dubbo 3.3.5'],
      limits: 'digest credentials only, no SASL; rules for applications need Dubbo’s mapping',
    },
  },
  options: zookeeperOptions,
  create: (given, deps) => new ZookeeperRegistry(given, deps),
};

/** A follower outlasts the election of a leader; a write is tried again from outside. */
const PATIENCE = 10_000;

const CLOSED = new Error('closed');

class ZookeeperRegistry implements Registry {
  readonly batchSize = 64;
  readonly #options: ZookeeperOptions;
  readonly #deps: RegistryDeps;
  readonly #layout: Layout;
  readonly #write: (requests: readonly WriteRequest[], session: Session) => Promise<readonly Receipt[]>;
  readonly #nodeWriter: NodeWriter | undefined;
  readonly #open = new Set<Session>();
  #closed = false;
  /** For writes, as long as it lives. */
  #session: Promise<Session> | undefined;
  /** As last listed and followed. */
  #follower: Follower | undefined;

  constructor(options: ZookeeperOptions, deps: RegistryDeps) {
    this.#options = options;
    this.#deps = deps;
    const path = options.layout === 'path' ? new PathLayout(options) : undefined;
    this.#layout =
      path ?? (options.layout === 'dubbo' ? new InterfaceLayout(options) : new ApplicationLayout(options));
    if (path !== undefined && !marksInNodes(options)) {
      this.#write = (requests, session) =>
        Promise.all(requests.map((request) => writeIntoValue(request, options, path, session)));
    } else {
      const writer = new NodeWriter(options, this.#layout, deps.clock);
      this.#nodeWriter = writer;
      this.#write = (requests, session) => writer.write(requests, session);
    }
    deps.scope.defer(async () => {
      this.#closed = true;
      await Promise.all([...this.#open].map((session) => session.close(CLOSED)));
    });
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const follower = new Follower(this.#layout, this.#deps);
    const session = await this.#openSession(PATIENCE, (event) => follower.hear(event), signal);
    session.onEnd = (error) => follower.fail(error);
    const onAbort = (): void => {
      void session.close(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      this.#follower = follower;
      yield* follower.follow(session);
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#close(session, CLOSED);
    }
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const session = await this.#writing(signal);
    // What was not sent by then never is, so that nothing old is put over something newer.
    const onAbort = (): void => {
      void this.#close(session, signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#writeAll(requests, session, signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Service by service: one that was still under way could later put an old desire over a newer one, so all are waited for. */
  async #writeAll(
    requests: readonly WriteRequest[],
    session: Session,
    signal: AbortSignal,
  ): Promise<readonly Receipt[]> {
    const services = Map.groupBy(requests, ({ instance }) => serviceKey(instance));
    const receipts: Receipt[] = [];
    const failures: unknown[] = [];
    await Promise.all([
      ...[...services.values()].map(async (ofService) => {
        try {
          receipts.push(...(await this.#write(ofService, session)));
        } catch (error) {
          failures.push(error);
          if (!(error instanceof RegistryError)) return;
          for (const { instance } of ofService)
            receipts.push({ instance: instance.id, kind: 'refused', detail: error.message });
        }
      }),
      this.#removeOrphans(requests[0]?.writer ?? '', session),
    ]);
    signal.throwIfAborted();
    const fatal = failures.find((error) => !(error instanceof RegistryError));
    // When nothing could be asked it is the registry that failed, not one of the instances.
    if (fatal !== undefined || session.failure !== undefined || failures.length === services.size)
      if (failures.length > 0) throw fatal ?? session.failure?.error ?? failures[0];
    return receipts;
  }

  /** Marks and rules of lives that have ended go with the next write. Best effort: what fails stays for the one after. */
  async #removeOrphans(name: string, session: Session): Promise<void> {
    const writer = this.#nodeWriter;
    if (writer === undefined) return;
    const orphans = (this.#follower?.orphans(name) ?? []).slice(0, this.batchSize);
    // Those of one service change the same document: one after the other.
    const services = Map.groupBy(orphans, ({ service }) => serviceKey(service));
    await Promise.allSettled(
      [...services.values()].map(async (ofService) => {
        for (const { service, key } of ofService) await writer.removeOrphan(service, key, name, session);
      }),
    );
  }

  async #writing(signal: AbortSignal): Promise<Session> {
    const before = await this.#session?.catch(() => undefined);
    if (before?.failure === undefined && before !== undefined) return before;
    if (before !== undefined) this.#open.delete(before);
    this.#session = this.#openSession(this.#options.timeout, () => undefined, signal);
    return this.#session;
  }

  async #openSession(
    patience: number,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<Session> {
    signal.throwIfAborted();
    const options = { ...this.#options, patience, credentials: await this.#credentials() };
    const session = await Session.open(options, this.#deps, onEvent, signal);
    this.#open.add(session);
    if (this.#closed) await this.#close(session, CLOSED);
    return session;
  }

  async #close(session: Session, reason: unknown): Promise<void> {
    await session.close(reason);
    this.#open.delete(session);
  }

  /** Read for every session: passwords are renewed while sonde runs. */
  async #credentials(): Promise<string | undefined> {
    const { username, password, passwordFile } = this.#options;
    if (username === undefined) return undefined;
    if (passwordFile === undefined) return `${username}:${password ?? ''}`;
    try {
      const text = await readFile(resolve(this.#deps.baseDir, passwordFile), 'utf8');
      return `${username}:${text.replace(/[\r\n]+$/, '')}`;
    } catch (error) {
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${passwordFile}`, {
        cause: error,
      });
    }
  }
}
