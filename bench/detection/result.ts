/** What a job found, in a form that adds up over seeds. */

export interface Result {
  /** Values of which the distribution matters. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Values that add up. */
  readonly sums: Readonly<Record<string, number>>;
  /** Values of which the largest matters. */
  readonly maxima: Readonly<Record<string, number>>;
}

export function result(parts: Partial<Result>): Result {
  return { samples: parts.samples ?? {}, sums: parts.sums ?? {}, maxima: parts.maxima ?? {} };
}

export function merge(results: readonly Result[]): Result {
  const samples: Record<string, number[]> = {};
  const sums: Record<string, number> = {};
  const maxima: Record<string, number> = {};
  for (const one of results) {
    for (const [name, values] of Object.entries(one.samples)) {
      const known = samples[name];
      if (known === undefined) samples[name] = [...values];
      else known.push(...values);
    }
    for (const [name, value] of Object.entries(one.sums)) sums[name] = (sums[name] ?? 0) + value;
    for (const [name, value] of Object.entries(one.maxima))
      maxima[name] = Math.max(maxima[name] ?? Number.NEGATIVE_INFINITY, value);
  }
  return { samples, sums, maxima };
}

export interface Spread {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** NaN where there is nothing. */
export function spread(values: readonly number[] | undefined): Spread {
  const sorted = [...(values ?? [])].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  const sum = sorted.reduce((all, value) => all + value, 0);
  return {
    n: sorted.length,
    mean: sum / sorted.length,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
  };
}
