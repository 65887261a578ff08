/** From YAML's syntax tree to ours: aliases and merge keys resolved, references filled in, every node with its place. */

import { isAlias, isMap, isScalar, isSeq, type Pair, type Scalar, type Node as YamlNode } from 'yaml';
import { nearest } from '../lib/edit-distance.ts';
import type { Finding } from './findings.ts';
import { fillReferences, InterpolationError, parseReferences, type Sources } from './interpolation.ts';
import { typedScalar } from './scalar.ts';
import type { Entry, Node, ScalarNode, Span } from './tree.ts';

/** Nodes with those behind aliases counted each time they are used: a hundred thousand checks, but no billion laughs. */
const MOST_NODES = 1_000_000;
const DEEPEST = 64;

export class TreeBuilder {
  readonly #sources: Sources;
  readonly #find: (finding: Finding) => void;
  /** What is added to the parser's offsets. */
  readonly #base: number;
  /** By name; the last one before an alias is meant. */
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<string>();
  #tooDeep = false;

  constructor(sources: Sources, base: number, find: (finding: Finding) => void) {
    this.#sources = sources;
    this.#base = base;
    this.#find = find;
  }

  /** `at` is where a node that is not written is taken to stand. */
  build(node: YamlNode | null, at: Span, depth = 0): Node {
    if (node === null) return scalar(at, null);
    const span = this.#spanOf(node, at);
    if (depth > DEEPEST) {
      if (!this.#tooDeep) this.#find({ code: 'SND1001', message: 'nested too deeply', at: span });
      this.#tooDeep = true;
      return broken(span);
    }
    if (isAlias(node)) return this.#follow(node.source, span);
    const anchor = 'anchor' in node ? node.anchor : undefined;
    if (anchor !== undefined) this.#open.add(anchor);
    const built = this.#buildPlain(node, span, depth);
    if (anchor !== undefined) {
      this.#open.delete(anchor);
      this.#anchors.set(anchor, built);
    }
    return built;
  }

  #buildPlain(node: YamlNode, span: Span, depth: number): Node {
    if (isScalar(node)) return this.#fill(node, span);
    if (isSeq<YamlNode | null>(node)) {
      const items = node.items.map((item) => this.build(item, span, depth + 1));
      return this.#bounded({ kind: 'list', span, aliases: [], items, size: sizeOf(items) });
    }
    if (isMap<Scalar, YamlNode | null>(node)) return this.#buildMap(node.items, span, depth);
    return scalar(span, null);
  }

  #buildMap(pairs: readonly Pair<Scalar, YamlNode | null>[], span: Span, depth: number): Node {
    const entries = new Map<string, Entry>();
    const merged: { readonly at: Span; readonly value: Node }[] = [];
    for (const { key, value } of pairs) {
      const at = this.#spanOf(key, span);
      const built = this.build(value, { start: at.end, end: at.end }, depth + 1);
      // Keys that are no text were found by the parser.
      const name = isScalar(key) ? String(key.value) : '';
      const merging = isScalar(key) && key.type === 'PLAIN' && key.source === '<<';
      const first = merging ? merged[0]?.at : entries.get(name)?.key;
      if (first !== undefined) this.#duplicate(at, first, merging);
      else if (merging) merged.push({ at, value: built });
      else if (name === '__proto__') this.#find({ code: 'SND1003', message: 'unknown key `__proto__`', at });
      else entries.set(name, { key: at, value: built, merges: [] });
    }
    for (const { at, value } of merged) this.#merge(entries, at, value);
    const values = [...entries.values()].map((entry) => entry.value);
    return this.#bounded({ kind: 'map', span, aliases: [], entries, size: sizeOf(values) });
  }

  #duplicate(at: Span, first: Span, merging: boolean): void {
    const hint = merging ? 'merge several maps as in <<: [*one, *other]' : undefined;
    const notes = [{ at: first, message: 'the first one is here' }];
    this.#find({ code: 'SND1002', message: 'this key is there already', at, notes, hint });
  }

  /** What is said in the map itself wins over what is merged in, and the first of several maps over the later ones. */
  #merge(entries: Map<string, Entry>, at: Span, value: Node): void {
    for (const source of value.kind === 'list' ? value.items : [value]) {
      if (source.kind !== 'map') {
        const hint = 'write <<: *name, where name is the anchor of a map, or a list of these';
        this.#find({
          code: 'SND1011',
          message: 'only maps can be merged',
          at: source.aliases[0] ?? source.span,
          hint,
        });
        continue;
      }
      const through = source.aliases[0] ?? at;
      for (const [name, entry] of source.entries)
        if (!entries.has(name)) entries.set(name, { ...entry, merges: [through, ...entry.merges] });
    }
  }

  #follow(name: string, at: Span): Node {
    const known = this.#anchors.get(name);
    if (known !== undefined && !this.#open.has(name))
      return this.#bounded({ ...known, aliases: [at, ...known.aliases] });
    const close = nearest(name, this.#anchors.keys());
    if (this.#open.has(name)) this.#find({ code: 'SND1011', message: `\`*${name}\` leads into itself`, at });
    else
      this.#find({
        code: 'SND1011',
        message: `there is no anchor \`&${name}\` above`,
        at,
        hint: close === undefined ? 'a text that starts with * needs quotes' : `did you mean \`*${close}\`?`,
      });
    return broken(at);
  }

  #spanOf(node: unknown, otherwise: Span): Span {
    const range = (node as YamlNode | null)?.range;
    return range ? { start: this.#base + range[0], end: this.#base + range[1] } : otherwise;
  }

  #bounded(node: Node): Node {
    if (node.size <= MOST_NODES) return node;
    const at = node.aliases[0] ?? node.span;
    this.#find({ code: 'SND1011', message: 'aliases make this too large', at });
    return broken(node.span);
  }

  #fill(node: Scalar, span: Span): ScalarNode {
    const { value, tag } = node;
    // Told by the parser: mostly an exclusion without quotes.
    if (tag !== undefined && !tag.startsWith('tag:yaml.org,2002:')) return broken(span);
    if (typeof value !== 'string') return scalar(span, isPlainValue(value) ? value : (node.source ?? ''));
    if (!value.includes('$')) return scalar(span, value);
    try {
      const { text, references, missing } = fillReferences(parseReferences(value), this.#sources);
      for (const { kind, message } of missing)
        this.#find({
          code: kind === 'env' ? 'SND1102' : 'SND1103',
          message,
          at: span,
          hint: kind === 'env' ? 'set it, or give a default as in ${env:NAME:-default}' : undefined,
        });
      if (missing.length > 0) return broken(span);
      const typed = references.length > 0 && node.type === 'PLAIN' && tag === undefined;
      return { ...scalar(span, typed ? typedScalar(text) : text), references };
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      this.#find({ code: 'SND1101', message: error.message, at: span });
      return broken(span);
    }
  }
}

function scalar(span: Span, value: ScalarNode['value']): ScalarNode {
  return { kind: 'scalar', span, value, references: [], broken: false, aliases: [], size: 1 };
}

function broken(span: Span): ScalarNode {
  return { ...scalar(span, null), broken: true };
}

function isPlainValue(value: unknown): value is ScalarNode['value'] {
  return value === null || typeof value === 'number' || typeof value === 'boolean';
}

function sizeOf(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { size }) => sum + size, 1);
}
