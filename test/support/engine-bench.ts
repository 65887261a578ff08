/** An engine on the manual clock with probes that answer as told. */

import type { Check } from '../../src/core/check.ts';
import type { EngineLimits, FromEngine } from '../../src/core/engine.ts';
import type { Instance, InstanceId } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Probe } from '../../src/core/probe.ts';
import type { Rule } from '../../src/core/rule.ts';
import { NO_DOUBT, type SelfDoubt } from '../../src/core/self-doubt.ts';
import type { Target, TargetId } from '../../src/core/target.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { consecutiveRule } from '../../src/rules/consecutive.ts';
import { ruleOf } from '../contracts/rule.contract.ts';
import { checkNamed } from './check.ts';
import { ManualClock } from './manual-clock.ts';
import { QuietLog } from './quiet-log.ts';

export interface BenchOptions {
  readonly check?: Partial<Check>;
  readonly probe?: (instance: Instance, signal: AbortSignal, clock: ManualClock) => Promise<Outcome>;
  /** Options of `consecutive`. */
  readonly rule?: object;
  /** Instead of `consecutive`. */
  readonly ownRule?: Rule;
  /** What is made of the check at each call: another value is a check made anew. */
  readonly remade?: () => Check | undefined;
  /** Hears every message before it is kept. */
  readonly emit?: (message: FromEngine) => void;
  readonly limits?: Partial<EngineLimits>;
  readonly doubt?: Partial<SelfDoubt>;
  readonly shadow?: Rule;
}

export function engineBench(options: BenchOptions = {}) {
  const clock = new ManualClock();
  const log = new QuietLog();
  const out: FromEngine[] = [];
  const looks: { key: string; at: number }[] = [];
  const check = checkNamed('web', options.check);
  const probe: Probe = {
    run(instance, signal) {
      looks.push({ key: instance.key, at: clock.now() });
      return options.probe?.(instance, signal, clock) ?? Promise.resolve({ kind: 'pass' });
    },
  };
  const rule = options.ownRule ?? ruleOf(consecutiveRule, options.rule);
  const beside = options.shadow === undefined ? {} : { shadow: options.shadow };
  const engine = createEngine({
    checks: (name) =>
      name === check.name ? { check: options.remade?.() ?? check, probe, rule, ...beside } : undefined,
    clock,
    log,
    vantage: 'here',
    limits: { concurrency: 512, perHost: 8, extraLooks: 0.5, ...options.limits },
    doubt: Object.setPrototypeOf(options.doubt ?? {}, NO_DOUBT) as SelfDoubt,
    emit: (message) => {
      options.emit?.(message);
      out.push(message);
    },
  });
  const stop = new AbortController();
  return {
    clock,
    log,
    out,
    looks,
    engine,
    /** Starts the engine; returns how to stop it. */
    start() {
      const done = engine.run(stop.signal);
      return async (): Promise<void> => {
        stop.abort(new Error('over'));
        await done;
      };
    },
  };
}

export function target(key: string, host = key): Target {
  const instance: Instance = {
    id: `i-${key}` as InstanceId,
    registry: 'r',
    namespace: 'default',
    service: 's',
    key,
    incarnation: '',
    revision: '',
    host,
    port: 80,
    metadata: {},
    enabled: true,
    draining: false,
  };
  return {
    id: `t-${key}` as TargetId,
    check: 'web',
    instance,
    seed: { health: 'unknown', reason: 'no-evidence', graceUntil: 0 },
  };
}
