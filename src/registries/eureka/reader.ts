/** Follows Eureka: a whole listing, then its changes, checked by its hash; who is missing without a word is waited for. */

import type { Entry } from '../../core/instance.ts';
import type { RegistryDeps } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { Told } from '../shared/told.ts';
import type { EurekaApi } from './api.ts';
import { Mirror } from './mirror.ts';
import type { EurekaOptions } from './options.ts';
import { entryOf, standingOf } from './standing.ts';
import type { InstanceInfo } from './wire.ts';

/** Everything is read again this often, whatever the changes say, milliseconds. */
const FULL = 5 * 60_000;

/** The server's caches tell of renewals up to three and a half minutes late; a lease that ended before is over. */
const LEASE_OVER = 5 * 60_000;

/** Between two questions at least, however long the answer takes, milliseconds. */
const PAUSE = 100;

/** Missing, and nobody said that it left. */
interface Missing {
  readonly info: InstanceInfo;
  /** `Clock.now()` until which it is waited for. */
  readonly until: number;
}

export class Reader {
  readonly #options: EurekaOptions;
  readonly #api: EurekaApi;
  readonly #deps: RegistryDeps;
  /** What the server said last, kept over failures of it. */
  readonly #mirror = new Mirror();
  readonly #missing = new Map<string, Missing>();
  /** Instances whose override is ours, as last seen or written. */
  readonly #ours = new Set<string>();
  readonly #unreadable = new Set<string>();
  #notices: readonly string[] = [];

  constructor(options: EurekaOptions, api: EurekaApi, deps: RegistryDeps) {
    this.#options = options;
    this.#api = api;
    this.#deps = deps;
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const { clock } = this.#deps;
    const { poll } = this.#options;
    const told = new Told();
    let listedAt = Number.NEGATIVE_INFINITY;
    let server = '';
    for (;;) {
      signal.throwIfAborted();
      const started = clock.now();
      const known = server === this.#api.server && clock.now() - listedAt < FULL;
      let touched = known ? await this.#follow(signal) : undefined;
      if (touched === undefined) {
        await this.#listAll(known, signal);
        touched = new Set([...this.#mirror.apps(), ...told.names().map(({ service }) => service)]);
        server = this.#api.server;
        listedAt = clock.now();
      }
      for (const app of new Set([...touched, ...this.#overdue()])) {
        const name = { namespace: this.#options.namespace, service: app };
        yield* told.tell(name, this.#entries(app));
      }
      yield { kind: 'synced', notices: this.#notices };
      await clock.sleep(Math.max(poll - (clock.now() - started), PAUSE), signal);
    }
  }

  /** Whether the override that stands there was ours when it was last looked at. */
  remembers(app: string, id: string): boolean {
    return this.#ours.has(keyOf({ app, id }));
  }

  remember(app: string, id: string, ours: boolean): void {
    if (ours) this.#ours.add(keyOf({ app, id }));
    else this.#ours.delete(keyOf({ app, id }));
  }

  /** The applications that changed; undefined where only a whole listing tells. */
  async #follow(signal: AbortSignal): Promise<Set<string> | undefined> {
    const changes = await this.#api.changes(signal);
    if (changes === undefined) return undefined;
    const touched = this.#mirror.apply(changes);
    return this.#mirror.hash === changes.hash ? new Set(touched) : undefined;
  }

  /** `followed`: nothing lay between this listing and the one before in which the server may have started anew. */
  async #listAll(followed: boolean, signal: AbortSignal): Promise<void> {
    // First the changes: who is missing in the listing after them left, or was lost by the server.
    const changes = await this.#api.changes(signal);
    const listing = await this.#api.all(signal);
    const gone = new Set(changes?.instances.filter(({ deleted }) => deleted).map(keyOf));
    const until = this.#deps.clock.now() + this.#options.restartGrace;
    let lost = 0;
    for (const info of this.#mirror.replace(listing)) {
      const said = gone.has(keyOf(info)) || (changes === undefined && followed);
      if (said) continue;
      lost++;
      this.#missing.set(keyOf(info), { info, until });
    }
    if (lost > 0)
      this.#deps.log.warn(
        'The server no longer has instances that nobody took out of it: they are waited for',
        {
          registry: this.#deps.name,
          instances: lost,
          milliseconds: this.#options.restartGrace,
        },
      );
    this.#notices = await this.#noticesNow(signal);
  }

  /** The applications of those who came back, left, or need not be waited for any more. */
  #overdue(): readonly string[] {
    const apps: string[] = [];
    const now = this.#deps.clock.now();
    for (const [key, { info, until }] of this.#missing) {
      if (this.#mirror.get(info.app, info.id) === undefined && now < until) continue;
      this.#missing.delete(key);
      apps.push(info.app);
    }
    return apps;
  }

  #entries(app: string): readonly Entry[] | undefined {
    const missing = [...this.#missing.values()].flatMap(({ info }) => (info.app === app ? [info] : []));
    const infos = [...this.#mirror.instances(app), ...missing];
    if (infos.length === 0) return undefined;
    return infos.flatMap((info) => this.#entry(info) ?? []).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #entry(info: InstanceInfo): Entry | undefined {
    const key = keyOf(info);
    const standing = standingOf(info, this.#options.metadataKey, this.#ours.has(key));
    this.remember(info.app, info.id, standing.ours);
    const entry = entryOf(info, standing, this.#options);
    if (entry === undefined) this.#tellUnreadable(info);
    else this.#unreadable.delete(key);
    return entry;
  }

  /** What the server keeps although it does not renew. */
  async #noticesNow(signal: AbortSignal): Promise<readonly string[]> {
    const preserves = await this.#api.preserves(signal);
    const now = this.#deps.clock.wall();
    let over = 0;
    for (const { leaseUntil } of this.#mirror.all())
      if (leaseUntil > 0 && now - leaseUntil > LEASE_OVER) over++;
    return [
      ...(preserves === true
        ? ['self-preservation: too few instances renew their leases, so the server removes none of them']
        : []),
      ...(over > 0 ? ['the server keeps instances whose leases ended more than five minutes ago'] : []),
    ];
  }

  #tellUnreadable(info: InstanceInfo): void {
    const key = keyOf(info);
    if (this.#unreadable.has(key)) return;
    this.#unreadable.add(key);
    this.#deps.log.warn('An instance has no address or no enabled port, and is left out', {
      registry: this.#deps.name,
      app: info.app,
      instance: info.id,
    });
  }
}

function keyOf({ app, id }: Pick<InstanceInfo, 'app' | 'id'>): string {
  return JSON.stringify([app, id]);
}
