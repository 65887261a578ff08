/** All instances as the server has told them, kept by its changes and compared with its hash. Pure. */

import type { InstanceInfo, Listing } from './wire.ts';

type Instances = Map<string, InstanceInfo>;

export class Mirror {
  readonly #apps = new Map<string, Instances>();

  apps(): readonly string[] {
    return [...this.#apps.keys()];
  }

  instances(app: string): Iterable<InstanceInfo> {
    return this.#apps.get(app)?.values() ?? [];
  }

  *all(): Generator<InstanceInfo> {
    for (const instances of this.#apps.values()) yield* instances.values();
  }

  get(app: string, id: string): InstanceInfo | undefined {
    return this.#apps.get(app)?.get(id);
  }

  /** Takes a whole listing; tells what was there before and is not in it. A listing from a cache may be older. */
  replace(listing: Listing): readonly InstanceInfo[] {
    const before = [...this.all()];
    const newer = listing.instances.map((info) => {
      const known = this.get(info.app, info.id);
      return known !== undefined && known.updatedAt > info.updatedAt ? known : info;
    });
    this.#apps.clear();
    for (const info of newer) this.#set(info);
    return before.filter(({ app, id }) => this.get(app, id) === undefined);
  }

  /** Takes changes; tells the applications that they touched. */
  apply(changes: Listing): ReadonlySet<string> {
    const touched = new Set<string>();
    for (const info of changes.instances) {
      const known = this.get(info.app, info.id);
      // Changes are told for minutes, and from a cache: what was overtaken is no news.
      if (known !== undefined && known.updatedAt > info.updatedAt) continue;
      if (known === undefined && info.deleted) continue;
      touched.add(info.app);
      if (info.deleted) this.#delete(info);
      else this.#set(info);
    }
    return touched;
  }

  /** As the server makes it: the statuses in order, each with its count (Applications.getReconcileHashCode). */
  get hash(): string {
    const counts = new Map<string, number>();
    for (const { status } of this.all()) counts.set(status, (counts.get(status) ?? 0) + 1);
    return [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([status, count]) => `${status}_${count}_`)
      .join('');
  }

  #set(info: InstanceInfo): void {
    const instances = this.#apps.get(info.app) ?? new Map<string, InstanceInfo>();
    this.#apps.set(info.app, instances);
    instances.set(info.id, info);
  }

  #delete({ app, id }: InstanceInfo): void {
    const instances = this.#apps.get(app);
    instances?.delete(id);
    if (instances?.size === 0) this.#apps.delete(app);
  }
}
