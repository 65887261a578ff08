/** One generation of the journal: a file with a snapshot that appears under its name when complete, and is appended to. */

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { frame, header } from './frames.ts';
import { SNAPSHOT_END } from './records.ts';

export class Generation {
  readonly #file: string;
  readonly #draft: string;
  readonly #handle: FileHandle;
  #sum: number;
  /** What was added and not written yet. */
  #chunks: Buffer[];
  #buffered: number;
  #size: number;
  #snapshotSize = 0;
  #synced = true;

  private constructor(file: string, draft: string, handle: FileHandle) {
    const { bytes, sum } = header(randomBytes(4).readUInt32LE());
    this.#file = file;
    this.#draft = draft;
    this.#handle = handle;
    this.#sum = sum;
    this.#chunks = [bytes];
    this.#buffered = bytes.length;
    this.#size = bytes.length;
  }

  /** Takes the place of `file` when published. */
  static async begin(file: string): Promise<Generation> {
    const draft = `${file}.new`;
    // Left behind by a process that was killed.
    await rm(draft, { force: true });
    return new Generation(file, draft, await open(draft, 'wx', 0o600));
  }

  /** Bytes, with those that are not written yet. */
  get size(): number {
    return this.#size;
  }

  /** Bytes after the snapshot. */
  get appended(): number {
    return this.#size - this.#snapshotSize;
  }

  /** Bytes that were added and not written yet. */
  get buffered(): number {
    return this.#buffered;
  }

  add(text: string): void {
    const { bytes, sum } = frame(text, this.#sum);
    this.#sum = sum;
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    this.#size += bytes.length;
  }

  async write(): Promise<void> {
    if (this.#buffered === 0) return;
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#buffered = 0;
    this.#synced = false;
    await this.#handle.appendFile(bytes);
  }

  /** What was written outlives the machine. */
  async sync(): Promise<void> {
    if (this.#synced) return;
    await this.#handle.datasync();
    this.#synced = true;
  }

  /** The snapshot is complete: from here on this is the journal. */
  async publish(): Promise<void> {
    this.add(SNAPSHOT_END);
    this.#snapshotSize = this.#size;
    await this.write();
    await this.#handle.sync();
    this.#synced = true;
    await rename(this.#draft, this.#file);
    const folder = await open(dirname(this.#file), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Gives back the room that an unpublished one took. */
  async discard(): Promise<void> {
    await this.close();
    await rm(this.#draft, { force: true });
  }
}
