/** A part of ZooKeeper's tree as it stands there: read once, watched node by node, and looked over again now and then. */

import { join, type Level } from './level.ts';
import type { Stat, WatchEvent } from './protocol.ts';
import type { Session } from './session.ts';

export interface Leaf {
  readonly path: string;
  readonly data: string;
  readonly stat: Stat;
}

interface Node {
  readonly path: string;
  readonly name: string;
  readonly depth: number;
  readonly parent: Node | undefined;
  readonly children: Map<string, Node>;
  /** The zxid of the last change to what is known of it; undefined where it is not there. */
  zxid: bigint | undefined;
  /** Of a leaf that is there. */
  leaf: Leaf | undefined;
}

/** A whole look over the branches takes so many of them; leaves are looked at more seldom. */
const ROUNDS = { branches: 20, leaves: 100 } as const;

/** Names of which a root has too many for all of them to be asked for at every look. */
const WIDE = 1_000;

export class Tree {
  readonly #session: Session;
  readonly #levels: readonly Level[];
  readonly #root: Node;
  readonly #nodes = new Map<string, Node>();
  #changes = 0;
  #looked: Record<keyof typeof ROUNDS, number> = { branches: 0, leaves: 0 };

  /** `levels`: what stands below the root; the leaves are what stands below the last. */
  constructor(session: Session, root: string, levels: readonly Level[]) {
    this.#session = session;
    this.#levels = levels;
    this.#root = this.#node(undefined, root, root);
  }

  /** Another number whenever a leaf may be another than before. */
  get changes(): number {
    return this.#changes;
  }

  /** Names of the nodes right below the root. */
  groups(): readonly string[] {
    return [...this.#root.children.keys()];
  }

  has(...names: readonly string[]): boolean {
    return this.#find(names)?.zxid !== undefined;
  }

  /** The leaves below a branch, given by the names on the way from the root. */
  *leaves(...names: readonly string[]): Generator<Leaf> {
    const node = this.#find(names);
    if (node !== undefined) yield* leavesOf(node);
  }

  get(...names: readonly string[]): Leaf | undefined {
    return this.#find(names)?.leaf;
  }

  load(): Promise<void> {
    return this.#visit(this.#root, new Set());
  }

  /** Reads again what the events are about; returns the groups that it concerns. */
  async take(events: readonly WatchEvent[]): Promise<ReadonlySet<string>> {
    const touched = new Set<string>();
    const visits = new Set<Node>();
    for (const { kind, path } of events) {
      const node = this.#nodes.get(path);
      if (node === undefined) continue;
      this.#touch(node, touched);
      // What is there again by the next listing of the parent is another node.
      if (kind === 'deleted' && this.#isLeaf(node)) this.#drop(node);
      else visits.add(node);
    }
    await Promise.all([...visits].map((node) => this.#visit(node, touched)));
    return touched;
  }

  /**
   * Compares a part of what is known with the server: a watch tells nothing once its permission is gone, and what it has
   * lost nobody knows. Returns the groups where something was another.
   */
  async look(): Promise<ReadonlySet<string>> {
    const touched = new Set<string>();
    const all = [...this.#nodes.values()];
    const due = [
      ...this.#due(
        'branches',
        all.filter((node) => !this.#isLeaf(node) && this.#isListed(node)),
      ),
      ...this.#due(
        'leaves',
        all.filter((node) => this.#isLeaf(node)),
      ),
    ];
    const root = due.includes(this.#root) ? [] : [this.#root];
    await Promise.all(
      [...due, ...root].map(async (node) => {
        const wide = root.includes(node) && node.children.size > WIDE;
        const answer = await this.#zxidOf(node, wide);
        if (answer === node.zxid || this.#nodes.get(node.path) !== node) return;
        this.#touch(node, touched);
        await this.#visit(node, touched);
        if (answer === undefined && node.parent !== undefined) await this.#visit(node.parent, touched);
      }),
    );
    return touched;
  }

  /** As the server has it; `wide`: without its names. */
  async #zxidOf(node: Node, wide: boolean): Promise<bigint | undefined> {
    const { path } = node;
    if (this.#isLeaf(node)) return (await this.#session.getData(path, false))?.stat.mzxid;
    if (wide) return (await this.#session.exists(path, false))?.pzxid;
    return (await this.#session.getChildren(path, false))?.stat.pzxid;
  }

  #due(kind: keyof typeof ROUNDS, nodes: readonly Node[]): readonly Node[] {
    const count = Math.ceil(nodes.length / ROUNDS[kind]);
    const from = this.#looked[kind] >= nodes.length ? 0 : this.#looked[kind];
    this.#looked[kind] = from + count;
    return nodes.slice(from, from + count);
  }

  async #visit(node: Node, touched: Set<string>): Promise<void> {
    const level = this.#levels[node.depth];
    if (level === undefined) {
      const found = await this.#session.getData(node.path, true);
      node.leaf = found === undefined ? undefined : { path: node.path, ...found };
      node.zxid = found?.stat.mzxid;
      this.#changes++;
      return;
    }
    const names = level.kind === 'only' ? level.names : await this.#list(node, level.keep);
    const wanted = new Set(names);
    for (const child of [...node.children.values()]) {
      if (wanted.has(child.name)) continue;
      this.#touch(child, touched);
      this.#drop(child);
    }
    const fresh = names.flatMap((name) => {
      const known = node.children.get(name);
      if (known === undefined) return [this.#node(node, name, join(node.path, name))];
      // It was gone when it was to be read.
      return this.#isLeaf(known) && known.leaf === undefined ? [known] : [];
    });
    for (const child of fresh) this.#touch(child, touched);
    await Promise.all(fresh.map((child) => this.#visit(child, touched)));
  }

  async #list(node: Node, keep: (name: string) => boolean): Promise<readonly string[]> {
    for (;;) {
      const listing = await this.#session.getChildren(node.path, true);
      node.zxid = listing?.stat.pzxid;
      if (listing !== undefined) return listing.names.filter(keep);
      // Watches for its creation, unless it was created meanwhile.
      if ((await this.#session.exists(node.path, true)) === undefined) return [];
    }
  }

  #node(parent: Node | undefined, name: string, path: string): Node {
    const depth = parent === undefined ? 0 : parent.depth + 1;
    const node: Node = { path, name, depth, parent, children: new Map(), zxid: undefined, leaf: undefined };
    this.#nodes.set(path, node);
    parent?.children.set(name, node);
    return node;
  }

  #drop(node: Node): void {
    this.#changes++;
    for (const child of [...node.children.values()]) this.#drop(child);
    node.parent?.children.delete(node.name);
    this.#nodes.delete(node.path);
  }

  #isLeaf(node: Node): boolean {
    return node.depth === this.#levels.length;
  }

  #isListed(node: Node): boolean {
    return this.#levels[node.depth]?.kind === 'each';
  }

  /** Of the root itself only what joins and leaves is of interest. */
  #touch(node: Node, touched: Set<string>): void {
    let top = node;
    while (top.parent !== undefined && top.depth > 1) top = top.parent;
    if (top.depth === 1) touched.add(top.name);
  }

  #find(names: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of names) node = node?.children.get(name);
    return node;
  }
}

function* leavesOf(node: Node): Generator<Leaf> {
  if (node.leaf !== undefined) yield node.leaf;
  for (const child of node.children.values()) yield* leavesOf(child);
}
