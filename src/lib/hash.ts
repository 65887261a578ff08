/** Stateless 64-bit hashes of text, for ids and phases: spread well, not secret. */

/** MurmurHash3's 32-bit finaliser (Appleby, public domain): every input bit reaches every output bit. */
function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units from `seed`, finalised; 0 to 2^32 - 1. */
export function hash32(text: string, seed = 0x811c9dc5): number {
  let h = seed | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix32(h);
}

/** 16 hex digits of 64 bits over parts that cannot run into each other. */
export function hashId(...parts: readonly string[]): string {
  const text = parts.map((part) => `${part.length}:${part}`).join('');
  const high = hash32(text).toString(16).padStart(8, '0');
  const low = hash32(text, 0x9747b28c).toString(16).padStart(8, '0');
  return high + low;
}
