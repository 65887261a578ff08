/** Many targets under one prober, where some are made ill and replaced once they were judged: trials one after the other. */

import type { Rule } from '../../../src/core/rule.ts';
import type { Target } from '../../../src/core/target.ts';
import { vantagesOf } from '../scenarios/quiet.ts';
import { VirtualClock } from '../world/clock.ts';
import type { World } from '../world/world.ts';
import { Prober } from './prober.ts';
import { benchTarget, shippingRule } from './rule.ts';

export interface Turn {
  readonly at: number;
  readonly to: string;
  readonly reason: string;
}

export interface FleetOptions {
  readonly world: World;
  readonly vantages: number;
  readonly interval: number;
  readonly timeout: number;
  readonly service: (index: number) => string;
  readonly rule?: Rule;
  readonly turned?: (index: number, turn: Turn) => void;
}

export class Fleet {
  readonly clock = new VirtualClock();
  readonly prober: Prober;
  readonly #options: FleetOptions;
  readonly #rule: Rule;
  readonly #targets = new Map<number, Target>();

  constructor(options: FleetOptions) {
    const { world, vantages, interval, timeout, turned } = options;
    this.#options = options;
    this.#rule = options.rule ?? shippingRule(interval);
    this.prober = new Prober({
      clock: this.clock,
      world,
      vantages: vantagesOf(vantages),
      interval,
      timeout,
      extraShare: 0.5,
      hears: (index, _from, to, reason, at) => turned?.(index, { at, to, reason }),
    });
  }

  add(index: number): void {
    const target = benchTarget(`f${index}`, this.#options.service(index));
    this.#targets.set(index, target);
    this.prober.add(index, target, this.#rule);
  }

  remove(index: number): void {
    const target = this.#targets.get(index);
    if (target !== undefined) this.prober.remove(target);
    this.#targets.delete(index);
  }
}
