/** What a listing is asked with: namespaces (Consul's own in Enterprise, else one called `default`), index and wait. */

import type { ConsulOptions } from './options.ts';

export interface Question {
  /** Undefined: Enterprise's namespaces are not used. */
  readonly namespace: string | undefined;
  /** The index known; 0 asks for what there is, at once. */
  readonly index: number;
  /** Milliseconds to wait for something newer. */
  readonly wait: number;
  /** Of all nodes, and by the leader, whatever is followed. */
  readonly plain?: boolean;
}

const ONLY = 'default';

export function namespacesOf({ namespaces }: ConsulOptions): readonly string[] {
  return namespaces ?? [ONLY];
}

/** Asks for what there is, at once. */
export function questionOf(namespace: string, { namespaces }: ConsulOptions): Question {
  return { namespace: namespaces === undefined ? undefined : namespace, index: 0, wait: 0 };
}

/** The path with what is asked for beside it; undefined is left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const text = new URLSearchParams(given).toString();
  return text === '' ? path : `${path}?${text}`;
}
