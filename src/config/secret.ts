/** Which values are never shown: those under the keys of secrets, and those that came from environment or files. Pure. */

import { nearest } from '../lib/edit-distance.ts';
import { keyOf, type Node, type Path, type ScalarNode, scalarsOf } from './tree.ts';

/** `password`, `auth.token`, `apiKey`, `X-Api-Key`, `PGPASSWORD`; not `passwordFile`, which is a path. */
const SECRET_KEY =
  /(password|passwd|passphrase|secret|token|credentials?|authorization|cookie|(api|access|private|secret)[-_]?key)$/i;

const MISTYPED = ['password', 'passphrase', 'secret', 'token', 'authorization', 'credentials'];

/** Also by a slip of the finger: `secert` is an unknown key whose value is shown nowhere. */
export function isSecretKey(key: string): boolean {
  const last = key.split(/[^a-zA-Z0-9]|(?<=[a-z0-9])(?=[A-Z])/).at(-1) ?? '';
  return SECRET_KEY.test(key) || nearest(last, MISTYPED) !== undefined;
}

/** User and password in an address, wherever it stands. */
const USERINFO = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*@/i;

/** `path` leads to the scalar. */
export function isSecret(node: ScalarNode, path: Path): boolean {
  return node.value !== null && (isSecretPath(path) || USERINFO.test(String(node.value)));
}

/** `path` leads to the scalar. Headers of webhooks carry credentials whatever they are called, and so may their URLs. */
function isSecretPath(path: Path): boolean {
  if (path[0] === 'webhooks' && (path[2] === 'headers' || path[2] === 'url')) return true;
  return isSecretKey(keyOf(path));
}

/** `path` leads to the scalar. */
export function isHidden(node: ScalarNode, path: Path): boolean {
  return node.references.length > 0 || isSecret(node, path);
}

/** Shorter runs of a value are in many a message by chance. */
const TELLING = 4;

/** Whether a message gives away a piece of a hidden value at or below a node. `path` leads to the node. */
export function givesAway(message: string, node: Node | undefined, path: Path): boolean {
  if (node === undefined) return false;
  for (const found of scalarsOf(node, path)) {
    if (!isHidden(found.node, found.path)) continue;
    const value = String(found.node.value);
    if (value.length < TELLING && message.split(/[^\p{L}\p{N}]+/u).includes(value)) return true;
    for (let i = 0; i + TELLING <= value.length; i++)
      if (message.includes(value.slice(i, i + TELLING))) return true;
  }
  return false;
}

/** A key, in a text that is no tree. */
const KEY = /([\w-]+)["']?\s*:\s+/g;
/** What stands behind it: `"…"`, `…, `; of headers, whatever they are called, all of the line. */
const VALUE = /"[^"\n]*"?|'[^'\n]*'?|[^\s,}\]#][^\n,}\]]*/y;
const LINE = /.*/y;
const IN_ADDRESS = /([a-z][a-z0-9+.-]*:\/\/)([^/?#\s"']*)@/gi;

/** Offsets of what looks like the values of secrets, for texts that could not be parsed whole. */
export function* secretSpansOf(text: string): Generator<{ readonly start: number; readonly end: number }> {
  for (const { 0: found, 1: key = '', index } of text.matchAll(KEY)) {
    if (!isSecretKey(key) && key !== 'url' && key !== 'headers') continue;
    const value = key === 'headers' ? LINE : VALUE;
    value.lastIndex = index + found.length;
    const start = value.lastIndex;
    if (value.test(text)) yield { start, end: value.lastIndex };
  }
  for (const { 1: scheme = '', 2: userinfo = '', index } of text.matchAll(IN_ADDRESS)) {
    const start = index + scheme.length;
    yield { start, end: start + userinfo.length };
  }
}
