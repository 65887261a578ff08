import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frames, JuteError, JuteReader, JuteWriter } from '../../../src/registries/zookeeper/jute.ts';
import {
  connectRequest,
  NO_TICKET,
  readEvent,
  readMulti,
  readReplyHeader,
  readStat,
  readWelcome,
  request,
} from '../../../src/registries/zookeeper/protocol.ts';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));
/** Begins like something: a small length, a count, -1. */
const almost = fc
  .tuple(fc.array(fc.constantFrom(-1, 0, 1, 2, 14, 2 ** 31 - 1, -2), { maxLength: 12 }), bytes)
  .map(([numbers, rest]) => {
    const head = Buffer.alloc(numbers.length * 4);
    for (const [index, number] of numbers.entries()) head.writeInt32BE(number, index * 4);
    return Buffer.concat([head, rest]);
  });

/** Whatever the bytes are: a value or a `JuteError`, and nothing was read beyond them. */
function holds(decode: (reader: JuteReader) => unknown, input: Buffer): void {
  const reader = new JuteReader(input);
  try {
    decode(reader);
  } catch (error) {
    expect(error).toBeInstanceOf(JuteError);
  }
  expect(reader.left).toBeGreaterThanOrEqual(0);
}

describe('jute', () => {
  it('reads back what it wrote', () => {
    const record = fc.record({
      int: int32,
      long: int64,
      bool: fc.boolean(),
      text: fc.string({ unit: 'grapheme' }),
      texts: fc.array(fc.string()),
      buffer: bytes,
    });
    fc.assert(
      fc.property(record, (value) => {
        const frame = new JuteWriter()
          .int(value.int)
          .long(value.long)
          .bool(value.bool)
          .text(value.text)
          .texts(value.texts)
          .buffer(value.buffer)
          .frame();
        const reader = new JuteReader(frame.subarray(4));
        expect({
          int: reader.int(),
          long: reader.long(),
          bool: reader.bool(),
          text: reader.text(),
          texts: reader.texts(),
          buffer: reader.buffer(),
        }).toEqual(value);
        expect(reader.left).toBe(0);
      }),
    );
  });

  it.each([
    ['a reply’s header', readReplyHeader],
    ['a stat', readStat],
    ['an event', readEvent],
    ['a transaction’s answer', readMulti],
    ['a list of names', (reader: JuteReader) => reader.texts()],
    ['a buffer', (reader: JuteReader) => reader.buffer()],
    ['a welcome', (reader: JuteReader) => readWelcome(reader.buffer())],
  ] as const)('neither crashes nor hangs on any bytes: %s', (_, decode) => {
    fc.assert(
      fc.property(fc.oneof(bytes, almost), (input) => holds(decode, input)),
      { numRuns: 3_000 },
    );
  });

  it('allocates nothing for a count that cannot be', () => {
    const before = process.memoryUsage().rss;
    for (const count of [2 ** 31 - 1, -2, 1_000_000]) {
      const head = Buffer.alloc(8);
      head.writeInt32BE(count);
      expect(() => new JuteReader(head).texts()).toThrow(JuteError);
      expect(() => new JuteReader(head).buffer()).toThrow(JuteError);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  it('cuts frames out of a stream, however it arrives', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(bytes), cuts, (bodies, sizes) => {
        const stream = Buffer.concat(bodies.map((body) => new JuteWriter().buffer(body).frame().subarray(4)));
        const frames = new Frames(1_000);
        const found: Buffer[] = [];
        for (let at = 0, n = 0; at < stream.length; n++) {
          const size = sizes[n % sizes.length] ?? 1;
          found.push(...frames.take(stream.subarray(at, at + size)).map((frame) => Buffer.from(frame)));
          at += size;
        }
        expect(found).toEqual(bodies);
      }),
    );
  });

  it('refuses a frame that is longer than any may be, before it has arrived', () => {
    const head = Buffer.alloc(4);
    head.writeInt32BE(1_001);
    expect(() => new Frames(1_000).take(head)).toThrow(JuteError);
    head.writeInt32BE(-1);
    expect(() => new Frames(1_000).take(head)).toThrow(JuteError);
  });

  it('says what a client of ZooKeeper says', () => {
    // As org.apache.zookeeper 3.8 sends them: length, protocol version, zxid, timeout, session, password, read-only.
    expect(connectRequest(NO_TICKET, 0n, 10_000).toString('hex')).toBe(
      `0000002d${'00000000'}${'0000000000000000'}00002710${'0000000000000000'}00000010${'00'.repeat(16)}00`,
    );
    expect(request(-2, 11).toString('hex')).toBe('00000008fffffffe0000000b');
  });
});
