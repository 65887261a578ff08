/** How a part of ZooKeeper's tree is laid out, level by level. */

/** What a level has below it: whatever is there, or nodes of these names. */
export type Level =
  | { readonly kind: 'each'; readonly keep: (name: string) => boolean }
  | { readonly kind: 'only'; readonly names: readonly string[] };

export function join(path: string, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`;
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
