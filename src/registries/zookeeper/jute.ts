/** Jute, ZooKeeper's encoding: big-endian numbers, texts and buffers with their length before them. Pure. */

/** The bytes are not what they should be: too short, or a length that cannot be. */
export class JuteError extends Error {
  override readonly name = 'JuteError';
}

export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    return this.#push(part);
  }

  long(value: bigint): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64BE(value);
    return this.#push(part);
  }

  bool(value: boolean): this {
    return this.#push(Buffer.of(value ? 1 : 0));
  }

  buffer(value: Uint8Array): this {
    return this.int(value.length).#push(Buffer.from(value.buffer, value.byteOffset, value.length));
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value));
  }

  texts(values: readonly string[]): this {
    this.int(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  /** With the length before it, as it goes over the wire. */
  frame(): Buffer {
    const body = Buffer.concat(this.#parts);
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(body.length);
    return Buffer.concat([length, body]);
  }

  #push(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }
}

/** Reads what it is told to; throws `JuteError` where the bytes do not have it, whatever they are. */
export class JuteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  /** A copy: what is kept of an answer must not keep the whole of it. A length of -1 is none, which is told as empty. */
  buffer(): Buffer {
    const length = this.#length(1);
    const start = this.#take(length);
    return Buffer.from(this.#bytes.subarray(start, start + length));
  }

  text(): string {
    const length = this.#length(1);
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  texts(): readonly string[] {
    // Each has at least its length, so that a wrong count allocates nothing.
    const count = this.#length(4);
    return Array.from({ length: count }, () => this.text());
  }

  /** How many there are, each of at least so many bytes. */
  #length(least: number): number {
    const count = this.int();
    if (count === -1) return 0;
    if (count < 0 || count * least > this.left)
      throw new JuteError(`a length of ${count} with ${this.left} bytes left`);
    return count;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.left) throw new JuteError(`${bytes} bytes wanted, ${this.left} left`);
    this.#at += bytes;
    return at;
  }
}

/** Cuts a stream into frames. Memory is bounded by the largest frame. */
export class Frames {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The frames that are whole now; throws `JuteError` for a length that none may have. */
  take(chunk: Buffer): readonly Buffer[] {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    const frames: Buffer[] = [];
    for (;;) {
      if (this.#size < 4) return frames;
      const length = this.#peekLength();
      if (length < 0 || length > this.#limit) throw new JuteError(`a frame of ${length} bytes`);
      if (this.#size < 4 + length) return frames;
      const all = this.#parts.length === 1 ? (this.#parts[0] ?? chunk) : Buffer.concat(this.#parts);
      frames.push(all.subarray(4, 4 + length));
      const rest = all.subarray(4 + length);
      this.#parts = rest.length === 0 ? [] : [rest];
      this.#size = rest.length;
    }
  }

  #peekLength(): number {
    const first = this.#parts[0];
    if (first !== undefined && first.length >= 4) return first.readInt32BE();
    const joined = Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined.readInt32BE();
  }
}
