/** Tells consumers that read no registry what sonde says of the instances. */

import type { Match } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { ConsumerConfig } from '../core/consumer.ts';
import type { Instance } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Reporter } from '../core/report.ts';
import { Directory } from './directory.ts';
import { HaproxyAgent, type TellingDeps } from './haproxy-agent.ts';
import { NginxUpstreams } from './nginx-upstreams.ts';
import type { ConsumerCounters, Telling } from './telling.ts';

export interface ConsumersDeps {
  readonly consumers: readonly ConsumerConfig[];
  /** Names of the configured registries. */
  readonly registries: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly matches: (match: Match, instance: Instance) => boolean;
}

interface Running {
  readonly telling: Telling;
  readonly stop: AbortController;
  done: Promise<void>;
}

export class Consumers {
  readonly #deps: TellingDeps;
  #running: ReadonlyMap<string, Running> = new Map();
  /** While it runs. */
  #signal: AbortSignal | undefined;

  constructor({ consumers, registries, matches, ...deps }: ConsumersDeps) {
    this.#deps = { ...deps, directory: new Directory(registries, matches) };
    this.replace(consumers, registries);
  }

  /** Never throws, never waits. */
  readonly take: Reporter = (report) => {
    if (!this.#deps.directory.take(report)) return;
    for (const { telling } of this.#running.values()) telling.changed();
  };

  /** Other consumers from now on; one whose configuration is the same goes on undisturbed. */
  replace(consumers: readonly ConsumerConfig[], registries: readonly string[]): void {
    this.#deps.directory.setRegistries(registries);
    const before = this.#running;
    const after = new Map<string, Running>();
    for (const config of consumers) {
      const old = before.get(config.name);
      after.set(
        config.name,
        old !== undefined && same(old.telling.config, config) ? old : this.#make(config),
      );
    }
    this.#running = after;
    const gone = [...before.values()].filter(
      (one) => !after.has(one.telling.config.name) || !hasValue(after, one),
    );
    for (const { stop } of gone) stop.abort(new Error('this consumer is not configured any more'));
    const ended = Promise.all(gone.map(({ done }) => done)).then(() => undefined);
    for (const one of after.values()) {
      // An address that is given up is free once its owner has ended.
      if (!hasValue(before, one)) this.#start(one, ended);
      one.telling.changed();
    }
  }

  /** By name of the consumer. */
  counters(): ReadonlyMap<string, ConsumerCounters> {
    return new Map([...this.#running].map(([name, { telling }]) => [name, telling.counters]));
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const one of this.#running.values()) this.#start(one, Promise.resolve());
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all([...this.#running.values()].map(({ done }) => done));
    this.#signal = undefined;
  }

  #make(config: ConsumerConfig): Running {
    const telling =
      config.kind === 'haproxy-agent'
        ? new HaproxyAgent(config, this.#deps)
        : new NginxUpstreams(config, this.#deps);
    return { telling, stop: new AbortController(), done: Promise.resolve() };
  }

  #start(one: Running, after: Promise<void>): void {
    if (this.#signal === undefined) return;
    const signal = AbortSignal.any([this.#signal, one.stop.signal]);
    one.done = after.then(() => one.telling.run(signal));
  }
}

function hasValue(map: ReadonlyMap<string, Running>, one: Running): boolean {
  return map.get(one.telling.config.name) === one;
}

/** Decoded configurations are plain data with their keys in one order. */
function same(a: ConsumerConfig, b: ConsumerConfig): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
