/** Rule documents as they stand in the watched tree, each read once. */

import type { Documents } from './layout.ts';
import { nameOf } from './level.ts';
import { type RuleDocument, readDocument } from './rule-document.ts';
import type { Leaf, Tree } from './tree.ts';

export class DocumentCache {
  /** A leaf that changed is another one. */
  readonly #read = new WeakMap<Leaf, { readonly document: RuleDocument | undefined }>();

  /** Those that are there, by path; all of them where no paths are given. */
  of(tree: Tree | undefined, paths?: readonly string[]): Documents {
    const documents = new Map<string, RuleDocument | undefined>();
    if (tree === undefined) return documents;
    const leaves =
      paths === undefined ? tree.leaves() : paths.flatMap((path) => tree.get(nameOf(path)) ?? []);
    for (const leaf of leaves) documents.set(leaf.path, this.#document(leaf));
    return documents;
  }

  #document(leaf: Leaf): RuleDocument | undefined {
    const known = this.#read.get(leaf) ?? { document: readDocument(leaf.data) };
    this.#read.set(leaf, known);
    return known.document;
  }
}
