/** A token bucket as a pure function of plain values: bursts up to a capacity, a steady rate in the long run. */

export interface BucketLimits {
  /** Tokens at once. */
  readonly capacity: number;
  /** Milliseconds until one more token is there. */
  readonly refillEvery: number;
}

export interface Bucket {
  readonly tokens: number;
  /** Time of the last account, milliseconds. */
  readonly at: number;
}

export function fullBucket(limits: BucketLimits, now: number): Bucket {
  return { tokens: limits.capacity, at: now };
}

/** The bucket after taking one token, or undefined where none is left. */
export function takeToken(limits: BucketLimits, bucket: Bucket, now: number): Bucket | undefined {
  const filled = Math.min(limits.capacity, bucket.tokens + (now - bucket.at) / limits.refillEvery);
  return filled >= 1 ? { tokens: filled - 1, at: now } : undefined;
}

/** Milliseconds until a token is there; 0 where one is. */
export function tokenWait(limits: BucketLimits, bucket: Bucket, now: number): number {
  const missing = 1 - bucket.tokens - (now - bucket.at) / limits.refillEvery;
  return Math.max(0, Math.ceil(missing * limits.refillEvery));
}
