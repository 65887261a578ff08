/**
 * The form of the journal's file: a header, then records of text, each framed by its length and two checksums. A
 * checksum covers everything before it too, so that a record that is missing, moved or of another file is noticed.
 */

import { crc32 } from 'node:zlib';

/** With the format's version, which must change with anything here. */
const MAGIC = 'sonde journal 1\n';
const MAGIC_OF_ANY_VERSION = /^sonde journal ([0-9]+)\n/;
const SALT_BYTES = 4;
const HEADER_BYTES = MAGIC.length + SALT_BYTES;
/** Length and its checksum, which is apart from the text's: a wrong length must not pass for a torn end. */
const HEAD_BYTES = 8;
const TAIL_BYTES = 4;
export const FRAME_BYTES = HEAD_BYTES + TAIL_BYTES;

/** Bytes with the checksum that the next frame starts from. */
export interface Frame {
  readonly bytes: Buffer;
  readonly sum: number;
}

/** `salt` (32 bits) tells this file from all others. */
export function header(salt: number): Frame {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, 'latin1');
  bytes.writeUInt32LE(salt, MAGIC.length);
  return { bytes, sum: crc32(bytes) };
}

export function frame(text: string, before: number): Frame {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + length);
  bytes.writeUInt32LE(length, 0);
  const head = crc32(bytes.subarray(0, 4), before);
  bytes.writeUInt32LE(head, 4);
  bytes.write(text, HEAD_BYTES, 'utf8');
  const sum = crc32(bytes.subarray(HEAD_BYTES, HEAD_BYTES + length), head);
  bytes.writeUInt32LE(sum, HEAD_BYTES + length);
  return { bytes, sum };
}

export interface Reading {
  /** All records up to where the file ends or stops making sense. */
  readonly texts: readonly string[];
  readonly ending: Ending;
}

type Ending =
  | { readonly kind: 'whole' }
  /** The last record was not written to its end: its writer was killed meanwhile. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'damaged'; readonly reason: string };

export function readFrames(bytes: Buffer): Reading {
  const texts: string[] = [];
  const damaged = (reason: string): Reading => ({ texts, ending: { kind: 'damaged', reason } });
  const begin = bytes.subarray(0, HEADER_BYTES);
  const magic = begin.toString('latin1');
  if (!magic.startsWith(MAGIC)) {
    const version = MAGIC_OF_ANY_VERSION.exec(magic)?.[1];
    return damaged(version === undefined ? 'it does not start as a journal' : `its format is ${version}`);
  }
  if (begin.length < HEADER_BYTES) return damaged('it ends within its header');
  let sum = crc32(begin);
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const left = bytes.length - at;
    if (left < HEAD_BYTES) return { texts, ending: { kind: 'torn' } };
    const length = bytes.readUInt32LE(at);
    // After a power failure blocks may be there that were never filled.
    if (length === 0 && isBlank(bytes.subarray(at))) return { texts, ending: { kind: 'torn' } };
    const head = crc32(bytes.subarray(at, at + 4), sum);
    if (bytes.readUInt32LE(at + 4) !== head) return damaged(`wrong checksum at byte ${at}`);
    if (left < FRAME_BYTES + length) return { texts, ending: { kind: 'torn' } };
    const text = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    sum = crc32(text, head);
    if (bytes.readUInt32LE(at + HEAD_BYTES + length) !== sum) return damaged(`wrong checksum at byte ${at}`);
    texts.push(text.toString('utf8'));
    at += FRAME_BYTES + length;
  }
  return { texts, ending: { kind: 'whole' } };
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
