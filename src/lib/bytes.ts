/** Bytes written as hexadecimal digits, with white space between them as people like it. */

export function parseHex(text: string): Buffer | undefined {
  const digits = text.replace(/\s+/g, '');
  return /^([0-9a-f]{2})*$/i.test(digits) ? Buffer.from(digits, 'hex') : undefined;
}
