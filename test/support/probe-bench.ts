/** Probes as the engine runs them: options decoded, a real clock, a deadline. */

import { systemClock } from '../../src/app/system-clock.ts';
import type { Instance, InstanceId } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../../src/core/probe.ts';
import { examine } from '../../src/engine/examine.ts';
import { createResolver } from '../../src/probes/resolve.ts';
import { QuietLog } from './quiet-log.ts';

export interface ProbeBenchOptions {
  readonly timeout?: number;
  readonly connectTimeout?: number;
  readonly deps?: Partial<ProbeDeps>;
}

export function decode<O>(plugin: ProbePlugin<O>, options: unknown): O {
  const result = plugin.options['~standard'].validate(options);
  if (result instanceof Promise) throw new Error('options must be validated synchronously');
  if (result.issues !== undefined) throw new Error(JSON.stringify(result.issues));
  return result.value;
}

/** Messages of the issues, by path. */
export function issuesOf<O>(plugin: ProbePlugin<O>, options: unknown): readonly string[] {
  const result = plugin.options['~standard'].validate(options);
  if (result instanceof Promise) throw new Error('options must be validated synchronously');
  return result.issues?.map(({ path, message }) => `${path?.map(String).join('.')}: ${message}`) ?? [];
}

export function probeDeps(scope: AsyncDisposableStack, options: ProbeBenchOptions = {}): ProbeDeps {
  return {
    clock: systemClock,
    log: new QuietLog(),
    scope,
    resolve: createResolver({ clock: systemClock, networks: new Map() }),
    connectTimeout: options.connectTimeout ?? 1_000,
    timeout: options.timeout ?? 5_000,
    scriptLimit: (run) => run(),
    baseDir: process.cwd(),
    ...options.deps,
  };
}

export function makeProbe<O>(
  plugin: ProbePlugin<O>,
  given: unknown,
  scope: AsyncDisposableStack,
  options: ProbeBenchOptions = {},
): { readonly probe: Probe; look(at: Place): Promise<Outcome> } {
  const probe = plugin.create(decode(plugin, given), probeDeps(scope, options));
  return {
    probe,
    async look(at) {
      const { outcome } = await examine(probe, instanceAt(at), options.timeout ?? 5_000, systemClock, NEVER);
      return outcome;
    },
  };
}

const NEVER = new AbortController().signal;

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function instanceAt({ host, port, metadata = {} }: Place): Instance {
  const id = `${host}-${port}` as InstanceId;
  const rest = { incarnation: '', revision: '', enabled: true, draining: false } as const;
  return { id, registry: 'r', namespace: 'default', service: 's', key: id, host, port, metadata, ...rest };
}
