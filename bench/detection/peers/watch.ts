/** One target under the rule of a peer: looks at it as that system would, and tells every change of its mind. */

import type { World } from '../world/world.ts';
import type { Peer, PeerRule } from './peer.ts';

export interface Watched {
  readonly rule: PeerRule;
  readonly interval: number;
  readonly world: World;
  readonly target: number;
  readonly vantage: number;
  readonly from: number;
  readonly until: number;
  /** Milliseconds from `from` to the first look. */
  readonly phase: number;
  readonly timeout: number;
  /** When the prober can run again if it is paused at that time; it reads its timers before its sockets then. */
  readonly awake?: (at: number) => number;
  readonly turned: (up: boolean, at: number) => void;
}

/** How many looks were made. */
export function watch(options: Watched): number {
  const { rule, interval, world, target, vantage, until, timeout, turned, awake } = options;
  const peer: Peer = rule.create(interval);
  let up = true;
  let looks = 0;
  const told = (at: number): void => {
    if (peer.up === up) return;
    up = peer.up;
    turned(up, at);
  };
  for (let due = options.from + options.phase; due < until; ) {
    const began = awake?.(due) ?? due;
    const { kind, duration } = world.look(target, vantage, began, timeout);
    const natural = began + duration;
    const at = awake?.(natural) ?? natural;
    looks++;
    const silent = peer.silentUntil;
    if (up && silent < at) {
      if (silent >= until) break;
      up = false;
      turned(false, silent);
    }
    if (at >= until) break;
    peer.hear(kind === 'pass' && !(at > natural && at - began > timeout), at);
    told(at);
    due =
      rule.from === 'end' ? at + interval : due + interval * Math.max(1, Math.ceil((at - due) / interval));
  }
  const silent = peer.silentUntil;
  if (up && silent < until) turned(false, silent);
  return looks;
}
