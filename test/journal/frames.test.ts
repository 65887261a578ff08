import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frame, header, readFrames } from '../../src/journal/frames.ts';

/** The file, and where each record ends in it. */
function fileOf(
  texts: readonly string[],
  salt = 7,
): { readonly bytes: Buffer; readonly ends: readonly number[] } {
  const parts = [header(salt)];
  const ends: number[] = [];
  let length = parts[0]?.bytes.length ?? 0;
  for (const text of texts) {
    const next = frame(text, parts.at(-1)?.sum ?? 0);
    parts.push(next);
    length += next.bytes.length;
    ends.push(length);
  }
  return { bytes: Buffer.concat(parts.map(({ bytes }) => bytes)), ends };
}

const TEXTS = ['["a",1]', '[]', '["b",{"x":"ä€😀"}]', '["a"]', `["c","${'long '.repeat(60)}"]`];
const HEADER = header(0).bytes.length;

describe('the frames of a journal', () => {
  it('give back the texts that were put in', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.nat(), (texts, salt) => {
        expect(readFrames(fileOf(texts, salt).bytes)).toEqual({ texts, ending: { kind: 'whole' } });
      }),
    );
  });

  it('cut at any byte give the records before the cut, and say that the last one is torn', () => {
    const { bytes, ends } = fileOf(TEXTS);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { texts, ending } = readFrames(bytes.subarray(0, cut));
      const whole = ends.filter((end) => end <= cut).length;
      expect(texts).toEqual(TEXTS.slice(0, whole));
      const expected = cut < HEADER ? 'damaged' : cut === HEADER || ends.includes(cut) ? 'whole' : 'torn';
      expect([cut, ending.kind]).toEqual([cut, expected]);
    }
  });

  it('with any bit turned are damaged there, and give the records before', () => {
    const { bytes, ends } = fileOf(TEXTS);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const turned = Buffer.from(bytes);
        turned[at] = (turned[at] ?? 0) ^ (1 << bit);
        const { texts, ending } = readFrames(turned);
        expect([at, bit, ending.kind]).toEqual([at, bit, 'damaged']);
        const whole = ends.filter((end) => end <= at).length;
        expect(texts).toEqual(TEXTS.slice(0, whole));
      }
    }
  });

  it('notice a record that is missing, is there twice, or is of another file', () => {
    const { bytes, ends } = fileOf(TEXTS);
    const [first = 0, second = 0, third = 0] = ends;
    const other = fileOf(TEXTS, 8).bytes;
    const damages = [
      [bytes.subarray(0, first), bytes.subarray(second)],
      [bytes.subarray(0, second), bytes.subarray(first)],
      [bytes.subarray(0, second), other.subarray(second, third)],
    ];
    for (const parts of damages) expect(readFrames(Buffer.concat(parts)).ending.kind).toBe('damaged');
  });

  it('take blocks that were never filled for a torn end', () => {
    const { bytes } = fileOf(TEXTS);
    const { texts, ending } = readFrames(Buffer.concat([bytes, Buffer.alloc(4_096)]));
    expect(texts).toEqual(TEXTS);
    expect(ending).toEqual({ kind: 'torn' });
  });

  it('of another version are left alone', () => {
    const bytes = Buffer.from(
      fileOf(TEXTS).bytes.toString('latin1').replace('journal 1', 'journal 2'),
      'latin1',
    );
    expect(readFrames(bytes)).toEqual({ texts: [], ending: { kind: 'damaged', reason: 'its format is 2' } });
  });

  it('are never more than what is damaged, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(400), (noise, at) => {
        const { bytes } = fileOf(TEXTS);
        const place = HEADER + (at % (bytes.length - HEADER));
        const { texts } = readFrames(Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place)]));
        expect(TEXTS.slice(0, texts.length)).toEqual(texts);
      }),
    );
  });
});
