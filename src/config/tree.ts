/** The configuration as a tree of plain values, each with its place: aliases resolved, merge keys merged, references filled in. */

/** Offsets into the text; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

interface Placed {
  readonly span: Span;
  /** Nodes in it with itself, those behind aliases counted each time. */
  readonly size: number;
  /** Where the aliases stand that led here. */
  readonly aliases: readonly Span[];
}

export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
}

interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The references whose values are in it, as written: `${env:NAME}`. Such a value is never shown. */
  readonly references: readonly string[];
  /** A problem was told of it; its value says nothing. */
  readonly broken: boolean;
}

export type Node = MapNode | ListNode | ScalarNode;

export interface Entry {
  readonly key: Span;
  readonly value: Node;
  /** Where the merge keys stand that brought it here. */
  readonly merges: readonly Span[];
}

export type Path = readonly PropertyKey[];

/** The plain value. Nodes behind an alias share theirs. */
export function plainValue(node: Node): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map':
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainValue(entry.value)]));
    default:
      return node satisfies never;
  }
}

export function entryOf(node: Node | undefined, key: string): Entry | undefined {
  return node?.kind === 'map' ? node.entries.get(key) : undefined;
}

export function childOf(node: Node | undefined, key: string): Node | undefined {
  return entryOf(node, key)?.value;
}

export function itemsOf(node: Node | undefined): readonly Node[] {
  return node?.kind === 'list' ? node.items : [];
}

export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

/** What may be shown of a text: where it was made from references, these. */
export function shownText(node: Node): string {
  if (node.kind !== 'scalar') return '';
  return node.references.length > 0 ? node.references.join(', ') : String(node.value);
}

/** A text or a list of texts, each with its node. */
export function textsOf(node: Node | undefined): readonly { readonly text: string; readonly node: Node }[] {
  const nodes = node?.kind === 'list' ? node.items : node === undefined ? [] : [node];
  return nodes.flatMap((one) => {
    const text = textOf(one);
    return text === undefined ? [] : [{ text, node: one }];
  });
}

export interface Located {
  /** Undefined where nothing stands at the path. */
  readonly node: Node | undefined;
  /** The value, or the key of the deepest map on the way that is there. */
  readonly span: Span;
  /** The key, or the value where it stands in a list. */
  readonly handle: Span;
  readonly aliases: readonly Span[];
  readonly merges: readonly Span[];
}

export function locate(root: Node, path: Path): Located {
  let node = root;
  let handle = handleOf(root);
  let aliases = [...root.aliases];
  let merges: readonly Span[] = [];
  for (const step of path) {
    const entry = entryOf(node, String(step));
    const next = entry?.value ?? (node.kind === 'list' ? node.items[Number(step)] : undefined);
    if (next === undefined) return { node: undefined, span: handle, handle, aliases, merges };
    handle = entry?.key ?? handleOf(next);
    aliases = [...next.aliases, ...aliases];
    merges = [...(entry?.merges ?? []), ...merges];
    node = next;
  }
  return { node, span: node.span, handle, aliases, merges };
}

/** What to point at for the whole of a node without a key: the first key of a map, else its beginning. */
function handleOf(node: Node): Span {
  if (node.kind === 'map') {
    const first = [...node.entries.values()].find(({ merges }) => merges.length === 0);
    if (first !== undefined) return first.key;
  }
  return node.span;
}

/** All scalars in it, with their paths; those behind an alias each time. */
export function* scalarsOf(
  node: Node,
  path: Path = [],
): Generator<{ readonly path: Path; readonly node: ScalarNode }> {
  switch (node.kind) {
    case 'scalar':
      yield { path, node };
      return;
    case 'list':
      for (const [index, item] of node.items.entries()) yield* scalarsOf(item, [...path, index]);
      return;
    case 'map':
      for (const [key, entry] of node.entries) yield* scalarsOf(entry.value, [...path, key]);
      return;
    default:
      node satisfies never;
  }
}

/** The key nearest above the end of a path: a list's items belong to its key. */
export function keyOf(path: Path): string {
  return path.findLast((step): step is string => typeof step === 'string') ?? '';
}
