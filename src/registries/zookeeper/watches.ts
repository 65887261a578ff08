/** Which watches the server keeps for a session, to be set again on another connection. */

import { JuteWriter } from './jute.ts';
import { OP, type WatchEvent, XID } from './protocol.ts';

export type WatchSet = 'data' | 'exists' | 'children';

/** Paths of one request: servers take frames of up to 1 MB (`jute.maxbuffer`). */
const CHUNK = 100_000;

export class Watches {
  readonly #sets: Readonly<Record<WatchSet, Set<string>>> = {
    data: new Set(),
    exists: new Set(),
    children: new Set(),
  };

  add(set: WatchSet, path: string): void {
    this.#sets[set].add(path);
  }

  /** A watch tells once. */
  spend({ kind, path }: WatchEvent): void {
    if (kind !== 'children') {
      this.#sets.data.delete(path);
      this.#sets.exists.delete(path);
    }
    if (kind === 'children' || kind === 'deleted') this.#sets.children.delete(path);
  }

  /** The requests that set them again; the server tells at once what has changed since that zxid. */
  requests(lastZxid: bigint): readonly Buffer[] {
    const frames: Buffer[] = [];
    let chunk: Record<WatchSet, string[]> = { data: [], exists: [], children: [] };
    let size = 0;
    const flush = (): void => {
      if (size === 0) return;
      const writer = new JuteWriter().int(XID.setWatches).int(OP.setWatches).long(lastZxid);
      frames.push(writer.texts(chunk.data).texts(chunk.exists).texts(chunk.children).frame());
      chunk = { data: [], exists: [], children: [] };
      size = 0;
    };
    for (const set of ['data', 'exists', 'children'] as const) {
      for (const path of this.#sets[set]) {
        chunk[set].push(path);
        size += path.length * 3 + 4;
        if (size >= CHUNK) flush();
      }
    }
    flush();
    return frames;
  }
}
