/** The targets of one check and service, counted as they are heard: constant time for each outcome, amortised. */

import type { Peers } from '../core/rule.ts';
import type { TargetId } from '../core/target.ts';

/** Milliseconds that a latency or a turn to sub-healthy is of now. */
const NOW = 60_000;
/** Fewer say nothing of what is usual. */
const LEAST = 5;

type Latency = NonNullable<Peers['latency']>;

export class Group {
  readonly #serving = new Map<TargetId, boolean>();
  #passing = 0;
  /** Latency and time of each one's last pass. */
  readonly #latencies = new Map<TargetId, readonly [latency: number, at: number]>();
  /** Passes since the median was taken. */
  #fresh = 0;
  #takenAt = Number.NEGATIVE_INFINITY;
  #latency: Latency | undefined;
  /** When each became sub-healthy, oldest first. */
  readonly #turned = new Map<TargetId, number>();

  /** A counted look at one of them. */
  heard(id: TargetId, passed: boolean, latency: number, now: number): void {
    if (this.#serving.get(id) === true) this.#passing--;
    this.#serving.set(id, passed);
    if (!passed) return;
    this.#passing++;
    this.#latencies.set(id, [latency, now]);
    this.#fresh++;
  }

  turned(id: TargetId, now: number): void {
    this.#turned.delete(id);
    this.#turned.set(id, now);
  }

  left(id: TargetId): void {
    if (this.#serving.get(id) === true) this.#passing--;
    this.#serving.delete(id);
    this.#latencies.delete(id);
    this.#turned.delete(id);
  }

  /** All but this one. */
  peersOf(id: TargetId, now: number): Peers {
    const own = this.#serving.get(id);
    const total = this.#serving.size - (own === undefined ? 0 : 1);
    const serving = this.#passing - (own === true ? 1 : 0);
    for (const [one, at] of this.#turned) {
      if (now - at <= NOW) break;
      this.#turned.delete(one);
    }
    const turned = this.#turned.size - (this.#turned.has(id) ? 1 : 0);
    const latency = this.#latencyAt(now);
    return latency === undefined ? { total, serving, turned } : { total, serving, turned, latency };
  }

  /** Taken anew after a tenth of them passed, so that a large service costs no more for each outcome than a small one. */
  #latencyAt(now: number): Latency | undefined {
    const due = this.#fresh >= Math.max(LEAST, this.#latencies.size / 10) || now - this.#takenAt > NOW;
    if (due && this.#fresh > 0) {
      this.#fresh = 0;
      this.#takenAt = now;
      this.#latency = latencyOf(this.#latencies.values(), now);
    }
    return now - this.#takenAt > NOW ? undefined : this.#latency;
  }
}

/** Median, and median distance of the logarithms from its own: neither is moved by a few that are slow. */
function latencyOf(seen: Iterable<readonly [number, number]>, now: number): Latency | undefined {
  const logs: number[] = [];
  for (const [latency, at] of seen) if (now - at <= NOW) logs.push(Math.log(Math.max(0.01, latency)));
  // One of them is the one that is judged.
  if (logs.length < LEAST + 1) return undefined;
  const middle = medianOf(Float64Array.from(logs));
  const spread = medianOf(Float64Array.from(logs, (log) => Math.abs(log - middle)));
  return { median: Math.exp(middle), spread };
}

function medianOf(values: Float64Array): number {
  values.sort();
  const half = values.length >> 1;
  const upper = values[half] ?? 0;
  return values.length % 2 === 1 ? upper : (upper + (values[half - 1] ?? 0)) / 2;
}
