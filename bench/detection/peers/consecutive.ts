/** So many failures in a row go down, so many passes in a row come up: what most systems ship. */

import type { Peer, PeerRule } from './peer.ts';

/**
 * HAProxy's one integer, `health` in 0 .. rise + fall - 1, up while at least `rise`: a failure of what is fully up takes one off and
 * sets 0 once below `rise`; a pass adds one and jumps to the top once at `rise` (haproxy src/check.c, check_notify_failure and
 * check_notify_success; configuration.txt `rise`, `fall`). With 1/1 it is nginx's and Traefik's.
 */
class Consecutive implements Peer {
  readonly #fall: number;
  readonly #rise: number;
  #health: number;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  constructor(fall: number, rise: number) {
    this.#fall = fall;
    this.#rise = rise;
    this.#health = rise + fall - 1;
  }

  get up(): boolean {
    return this.#health >= this.#rise;
  }

  hear(passed: boolean): void {
    const top = this.#rise + this.#fall - 1;
    if (passed) {
      if (this.#health < top) this.#health++;
      if (this.#health >= this.#rise) this.#health = top;
    } else if (this.#health > 0) {
      this.#health--;
      if (this.#health < this.#rise) this.#health = 0;
    }
  }
}

function consecutive(
  rule: Omit<PeerRule, 'create' | 'memory'> & { readonly fall: number; readonly rise: number },
): PeerRule {
  const { fall, rise, ...named } = rule;
  return { ...named, memory: fall + rise, create: () => new Consecutive(fall, rise) };
}

export const CONSECUTIVE: readonly PeerRule[] = [
  consecutive({
    id: 'haproxy',
    title: 'HAProxy 3/2',
    source: 'configuration.txt: inter 2s, fall 3, rise 2; check.c: next look `inter` after the end of one',
    interval: 2_000,
    from: 'end',
    fall: 3,
    rise: 2,
  }),
  consecutive({
    id: 'kubelet',
    title: 'kubelet 3/1',
    source:
      'Pod API: periodSeconds 10, failureThreshold 3, successThreshold 1; prober/worker.go: ticker, resultRun',
    interval: 10_000,
    from: 'start',
    fall: 3,
    rise: 1,
  }),
  consecutive({
    id: 'aws-alb',
    title: 'AWS ALB 2/5',
    source:
      'ELB documentation: HealthCheckIntervalSeconds 30, UnhealthyThresholdCount 2, HealthyThresholdCount 5',
    interval: 30_000,
    from: 'start',
    fall: 2,
    rise: 5,
  }),
  consecutive({
    id: 'gcp',
    title: 'GCP LB 2/2',
    source:
      'Cloud Load Balancing documentation: check interval 5s, unhealthy threshold 2, healthy threshold 2',
    interval: 5_000,
    from: 'start',
    fall: 2,
    rise: 2,
  }),
  consecutive({
    id: 'consul-esm',
    title: 'consul-esm 0/0',
    source: 'consul-esm README: critical_threshold 0, passing_threshold 0; node_probe_interval 10s',
    interval: 10_000,
    from: 'end',
    fall: 1,
    rise: 1,
  }),
  consecutive({
    id: 'consec-5',
    title: '5 in a row, 5/2',
    source: 'for comparison: the next step of the one knob',
    interval: 1_000,
    from: 'start',
    fall: 5,
    rise: 2,
  }),
];
