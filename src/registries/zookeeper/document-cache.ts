/** Rule documents as they stand in the watched tree, each read once. */

import type { Documents } from './layout.ts';
import { nameOf } from './level.ts';
import { type RuleDocument, readDocument } from './rule-document.ts';
import type { Leaf, Tree } from './tree.ts';

export class DocumentCache {
  /** A leaf that changed is another one. */
  readonly #read = new WeakMap<Leaf, { readonly document: RuleDocument | undefined }>();

  /** Which documents name a provider, as of that many changes of that tree. */
  #index:
    | {
        readonly tree: Tree;
        readonly changes: number;
        readonly providers: ReadonlyMap<string, readonly string[]>;
      }
    | undefined;

  /** Those that are there, by path; all of them where no paths are given. */
  of(tree: Tree | undefined, paths?: readonly string[]): Documents {
    const documents = new Map<string, RuleDocument | undefined>();
    if (tree === undefined) return documents;
    const leaves =
      paths === undefined ? tree.leaves() : paths.flatMap((path) => tree.get(nameOf(path)) ?? []);
    for (const leaf of leaves) documents.set(leaf.path, this.#document(leaf));
    return documents;
  }

  /** Those that name the provider, and those of these paths. */
  about(tree: Tree | undefined, provider: string, paths: readonly string[]): Documents {
    if (tree === undefined) return new Map();
    if (this.#index?.changes !== tree.changes || this.#index.tree !== tree) {
      const providers = new Map<string, string[]>();
      for (const [path, document] of this.of(tree))
        for (const { providerAddresses } of document?.items ?? [])
          for (const address of providerAddresses)
            providers.set(address, [...(providers.get(address) ?? []), path]);
      this.#index = { tree, changes: tree.changes, providers };
    }
    return this.of(tree, [...new Set([...(this.#index.providers.get(provider) ?? []), ...paths])]);
  }

  #document(leaf: Leaf): RuleDocument | undefined {
    const known = this.#read.get(leaf) ?? { document: readDocument(leaf.data) };
    this.#read.set(leaf, known);
    return known.document;
  }
}
