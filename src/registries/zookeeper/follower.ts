/** Follows what a layout watches: reads it all, then what the watches tell of, and looks over it again every few seconds. */

import type { ServiceName } from '../../core/instance.ts';
import type { RegistryDeps } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { Channel } from '../../lib/channel.ts';
import { serviceKey, Told } from '../shared/told.ts';
import { type Layout, TREES, type TreeName, type Trees } from './layout.ts';
import { nameOf } from './level.ts';
import { type MarkNode, readMarkNode, serviceOfGroup } from './mark-node.ts';
import type { WatchEvent } from './protocol.ts';
import type { Session } from './session.ts';
import { type Leaf, Tree } from './tree.ts';

/** What is known is confirmed, and a part of it compared, this often, milliseconds. */
const LOOK = 3_000;

type Item = WatchEvent | 'look';

export class Follower {
  readonly #layout: Layout;
  readonly #deps: RegistryDeps;
  readonly #arrived = new Channel<Item>();
  readonly #told = new Told();
  /** What was told of each unit. */
  readonly #services = new Map<string, ReadonlyMap<string, ServiceName>>();
  /** Entries by service and key, and their incarnations. */
  readonly #present = new Map<string, ReadonlyMap<string, string>>();
  /** Nodes that could not be read, by their change: each is said once. */
  readonly #unreadable = new Map<string, bigint>();
  readonly #marks = new WeakMap<Leaf, MarkNode>();
  #trees: Trees | undefined;

  constructor(layout: Layout, deps: RegistryDeps) {
    this.#layout = layout;
    this.#deps = deps;
  }

  hear(event: WatchEvent): void {
    this.#arrived.push(event);
  }

  fail(error: unknown): void {
    this.#arrived.fail(error);
  }

  /** Throws what the session failed with. */
  async *follow(session: Session): AsyncGenerator<Snapshot> {
    const { providers, documents, marks } = this.#layout.trees;
    const trees: Trees = {
      providers: new Tree(session, providers.root, providers.levels),
      ...(documents === undefined ? {} : { documents: new Tree(session, documents.root, documents.levels) }),
      ...(marks === undefined ? {} : { marks: new Tree(session, marks.root, marks.levels) }),
    };
    await Promise.all(TREES.map(async (name) => trees[name]?.load()));
    this.#trees = trees;
    yield* this.#tell(this.#unitsOf('providers', providersOf(trees), trees), trees);
    yield { kind: 'synced' };
    using beat = this.#beat();
    for (;;) {
      const items = await this.#arrived.take();
      const events = items.filter((item) => item !== 'look');
      const look = items.includes('look');
      const units = new Set<string>();
      for (const name of TREES) {
        const tree = trees[name];
        if (tree === undefined) continue;
        for (const unit of this.#unitsOf(name, await tree.take(events), trees)) units.add(unit);
        if (look) for (const unit of this.#unitsOf(name, await tree.look(), trees)) units.add(unit);
      }
      yield* this.#tell(units, trees);
      if (!look) continue;
      yield { kind: 'synced' };
      beat.again();
    }
  }

  /** Marks of that writer whose instance is gone or in another life. */
  orphans(writer: string): readonly { readonly service: ServiceName; readonly key: string }[] {
    const marks = this.#trees?.marks;
    if (marks === undefined) return [];
    return marks.groups().flatMap((group) => {
      const service = serviceOfGroup(group);
      if (service === undefined) return [];
      const present = this.#present.get(serviceKey(service));
      return [...marks.leaves(group)].flatMap((leaf) => {
        const key = decodeURIComponent(nameOf(leaf.path));
        const { mark, incarnation } = this.#markIn(leaf);
        const orphaned = mark.intact && mark.writer === writer && present?.get(key) !== incarnation;
        return orphaned ? [{ service, key }] : [];
      });
    });
  }

  /** Looked at before every write, so each is read once. */
  #markIn(leaf: Leaf): MarkNode {
    const mark = this.#marks.get(leaf) ?? readMarkNode(leaf.data);
    this.#marks.set(leaf, mark);
    return mark;
  }

  #beat(): Disposable & { again(): void } {
    const { clock } = this.#deps;
    const start = (): Disposable => clock.after(LOOK, () => this.#arrived.push('look'));
    let timer = start();
    return {
      again: () => {
        timer = start();
      },
      [Symbol.dispose]: () => timer[Symbol.dispose](),
    };
  }

  #unitsOf(name: TreeName, groups: ReadonlySet<string>, trees: Trees): ReadonlySet<string> {
    const units = new Set<string>();
    for (const group of groups) for (const unit of this.#layout.units(name, group, trees)) units.add(unit);
    return units;
  }

  *#tell(units: ReadonlySet<string>, trees: Trees): Generator<Snapshot> {
    for (const unit of units) {
      const { services, there } = this.#layout.read(unit, trees);
      const now = new Map(services.map(({ name }) => [serviceKey(name), name]));
      for (const { name, entries } of services) {
        this.#present.set(
          serviceKey(name),
          new Map(entries.map(({ key, incarnation }) => [key, incarnation])),
        );
        yield* this.#told.tell(name, entries);
      }
      const before = this.#services.get(unit) ?? new Map<string, ServiceName>();
      for (const [key, name] of before) {
        if (now.has(key)) continue;
        this.#present.delete(key);
        yield* this.#told.tell(name, there ? [] : undefined);
      }
      // A service without instances that still has its folder may come back, or go.
      const kept = there ? new Map([...before, ...now]) : now;
      if (kept.size === 0) this.#services.delete(unit);
      else this.#services.set(unit, kept);
      this.#tellUnreadable(unit, trees);
    }
  }

  #tellUnreadable(unit: string, trees: Trees): void {
    for (const { path, stat } of this.#layout.unreadable(unit, trees)) {
      if (this.#unreadable.get(path) === stat.mzxid) continue;
      // What is gone need not be remembered for ever.
      if (this.#unreadable.size > 1_000) this.#unreadable.clear();
      this.#unreadable.set(path, stat.mzxid);
      this.#deps.log.warn('A node does not say what an instance is, and is left out', {
        registry: this.#deps.name,
        path,
      });
    }
  }
}

function providersOf({ providers }: Trees): ReadonlySet<string> {
  return new Set(providers.groups());
}
