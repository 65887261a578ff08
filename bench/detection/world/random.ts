/**
 * Chance without state: what a look meets is a function of seed, scenario, target, vantage, slot and channel, so that every rule
 * that looks along the same path at the same time sees the same fate, whatever it did before (detection.md 6).
 */

/** Milliseconds that share a fate. */
const SLOT = 50;
const GOLDEN = 0x9e3779b1;

/** MurmurHash3's 32-bit finaliser over two words: every input bit reaches every output bit. */
function mix(a: number, b: number): number {
  let h = a ^ Math.imul(b, GOLDEN);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** What chance decides; the numbers are part of the streams. */
export const CHANNEL = {
  loss: 1,
  status: 2,
  latency: 3,
  outlier: 4,
  burst: 5,
  start: 6,
  noise: 7,
  back: 8,
} as const;
export type Channel = (typeof CHANNEL)[keyof typeof CHANNEL];

/** One stream of chance; a 32-bit integer. */
export type Stream = number;

export function streamOf(
  seed: number,
  scenario: string,
  target: number,
  vantage: number,
  channel: Channel,
): Stream {
  let h = mix(0x51ed270b, seed);
  for (let i = 0; i < scenario.length; i++) h = mix(h, scenario.charCodeAt(i));
  return mix(mix(mix(h, target), vantage), channel);
}

/** In [0, 1): the same for the same stream and index. */
export function chance(stream: Stream, index: number): number {
  return (mix(mix(stream, index), stream) >>> 0) / 4_294_967_296;
}

export function slotOf(at: number): number {
  return Math.floor(at / SLOT);
}

/** Standard normal, by Box and Muller from two draws of the stream. */
export function normal(stream: Stream, index: number): number {
  const u = Math.max(1e-12, chance(stream, 2 * index));
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * chance(stream, 2 * index + 1));
}

/** Exponential with that mean. */
export function exponential(stream: Stream, index: number, mean: number): number {
  return -mean * Math.log(1 - chance(stream, index));
}
