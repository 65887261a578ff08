/** What is in force as text: YAML, with where each value comes from as a comment, or JSON. Pure. */

import { Document, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { printable } from '../lib/text-width.ts';
import type { Effective, Value } from './effective.ts';

/** Ends with a line end. */
export function renderYaml(effective: Effective, showOrigin: boolean): string {
  const document = new Document(null);
  document.contents = nodeOf(effective, document, showOrigin);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function nodeOf(effective: Effective, document: Document, showOrigin: boolean): Scalar | YAMLMap | YAMLSeq {
  switch (effective.kind) {
    case 'value': {
      const node = document.createNode(effective.value) as Scalar | YAMLMap | YAMLSeq;
      if ('flow' in node || 'items' in node) node.flow = true;
      if (showOrigin) node.comment = ` ${printable(effective.origin)}`;
      return node;
    }
    case 'list': {
      const list = document.createNode([]) as YAMLSeq;
      for (const item of effective.items) list.add(nodeOf(item, document, showOrigin));
      return list;
    }
    case 'map': {
      const map = document.createNode({}) as YAMLMap;
      for (const [key, entry] of effective.entries)
        map.add(document.createPair(key, nodeOf(entry, document, showOrigin)));
      return map;
    }
    default:
      return effective satisfies never;
  }
}

export interface RenderedValue {
  /** JSON pointer. */
  readonly path: string;
  readonly value: Value;
  readonly origin: string;
}

/** Every value with its path, in the order of the text. */
export function* valuesOf(effective: Effective, path = ''): Generator<RenderedValue> {
  switch (effective.kind) {
    case 'value':
      yield { path, value: effective.value, origin: effective.origin };
      return;
    case 'list':
      for (const [index, item] of effective.items.entries()) yield* valuesOf(item, `${path}/${index}`);
      return;
    case 'map':
      for (const [key, entry] of effective.entries)
        yield* valuesOf(entry, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
      return;
    default:
      effective satisfies never;
  }
}
