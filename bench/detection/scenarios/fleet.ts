/** A fleet under the shipping judge, local health, pipeline and guard while something happens to it. */

import { FORGETFUL } from '../../../src/core/memory.ts';
import type { Target } from '../../../src/core/target.ts';
import { Pipeline } from '../../../src/pipeline/pipeline.ts';
import { type Result, result } from '../result.ts';
import { SILENT } from '../sonde/log.ts';
import { Prober } from '../sonde/prober.ts';
import { BenchRegistry } from '../sonde/registry.ts';
import { shippingRule } from '../sonde/rule.ts';
import { station } from '../sonde/station.ts';
import { VirtualClock } from '../world/clock.ts';
import { assess } from './assess.ts';
import { faultNamed, SERVICE } from './faults.ts';
import { INTERVAL } from './quiet.ts';

export interface FleetParams {
  readonly fault: string;
  readonly vantages: number;
  readonly options?: object;
}

/** The defaults of the configuration: timeout 2 s, connect timeout 500 ms, which is what a lost look takes here. */
const CONNECT_TIMEOUT = 500;
const GUARD = { allowance: 0.05, freezeAbove: 0.6 };
const CHECK = {
  name: 'bench',
  match: {},
  probe: { kind: 'bench', options: {} },
  ruleName: 'standard',
  rule: { kind: 'success-rate', options: {} },
  interval: INTERVAL,
  edgeInterval: INTERVAL,
  deadInterval: INTERVAL,
  timeout: CONNECT_TIMEOUT,
  connectTimeout: CONNECT_TIMEOUT,
  startPeriod: 0,
};

export async function fleet(seed: number, { fault: id, vantages, options }: FleetParams): Promise<Result> {
  const fault = faultNamed(id);
  const scene = fault.make(seed);
  const clock = new VirtualClock();
  const rule = shippingRule(INTERVAL, options);
  const stations = Array.from({ length: vantages }, (_, vantage) => station(clock, scene, vantage));
  const registry = new BenchRegistry(clock, scene.registryDown);
  for (let target = 0; target < fault.targets; target++) registry.put(serviceOf(target), target);
  const verdicts: { target: number; to: string; at: number }[] = [];
  const prober = new Prober({
    clock,
    world: scene,
    vantages: stations,
    interval: INTERVAL,
    timeout: CONNECT_TIMEOUT,
    extraShare: 0.5,
    hears: (target, _from, to, _reason, at) => verdicts.push({ target, to, at }),
    emit: (message) => {
      pipeline.hear(message);
      clock.unsettle();
    },
  });
  const known = new Map<string, Target>();
  // As a fleet has it: while more than a third of the probers doubt themselves, nobody is believed.
  const doubt = (): string | undefined => {
    const doubts = stations.map(({ local }) => local.doubt).filter((one) => one !== undefined);
    return doubts.length * 3 > stations.length ? doubts[0] : undefined;
  };
  const pipeline = new Pipeline({
    registries: [
      {
        name: 'bench',
        registry,
        mode: 'apply',
        writer: 'sonde',
        maxPerSecond: 50,
        perInstanceEvery: 10_000,
        guard: GUARD,
      },
    ],
    memory: FORGETFUL,
    checks: [CHECK],
    policies: [],
    engine: {
      tell(message) {
        if (message.kind !== 'assign') return;
        for (const id of message.remove) {
          const target = known.get(id);
          if (target !== undefined) prober.remove(target);
        }
        for (const target of message.add) {
          if (known.has(target.id)) continue;
          known.set(target.id, target);
          prober.add(Number(target.instance.key), target, rule);
        }
      },
      run: (signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    },
    clock,
    log: SILENT,
    random: () => 0.5,
    doubt,
    report: (report) => {
      if (report.kind === 'registry') for (const { local } of stations) local.registry('bench', report.up);
    },
  });
  drain(clock, registry, fault.targets, fault.lasts, scene.truth);
  const stop = new AbortController();
  const running = [pipeline.run(stop.signal), ...stations.map(({ local }) => local.run(stop.signal))];
  await clock.play(fault.lasts);
  const found = assess({ fault, scene, writes: registry.writes, verdicts });
  const looks = prober.looks / ((fault.targets * fault.lasts) / INTERVAL);
  stop.abort(new Error('over'));
  await clock.play(fault.lasts + 20_000);
  await Promise.all(running);
  return result({
    ...found,
    sums: { ...found.sums, runs: 1 },
    samples: { ...found.samples, looks: [looks] },
  });
}

function serviceOf(target: number): string {
  return `s${Math.floor(target / SERVICE)}`;
}

/** Providers that are drained say so before they go, and that they are back. */
function drain(
  clock: VirtualClock,
  registry: BenchRegistry,
  targets: number,
  lasts: number,
  truth: (target: number, at: number) => string,
): void {
  for (let target = 0; target < targets; target++)
    for (let at = 1_000; at < lasts; at += 1_000) {
      const draining = truth(target, at) === 'draining';
      if (draining === (truth(target, at - 1_000) === 'draining')) continue;
      clock.at(at - 1_000, () => {
        registry.put(serviceOf(target), target, { draining });
        clock.unsettle();
      });
    }
}
