/** The probe `script`: runs a program of the user in a process group of its own and reads its exit code. */

import { resolve as resolvePath } from 'node:path';
import type { Instance } from '../core/instance.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../core/probe.ts';
import { codeOf, fail, oneLine, ownFault, skip } from './cause.ts';
import { type Ended, ProcessGroup } from './process-group.ts';
import { type ScriptOptions, scriptOptions } from './script-options.ts';
import { constantText, fill } from './template.ts';

export const scriptProbe: ProbePlugin<ScriptOptions> = {
  name: 'script',
  summary: 'Runs a program and reads its exit code, after Nagios or Docker.',
  options: scriptOptions,
  create: (given, deps) => new ScriptProbe(given, deps),
};

class ScriptProbe implements Probe {
  readonly #options: ScriptOptions;
  readonly #deps: ProbeDeps;
  readonly #running = new Set<ProcessGroup>();

  constructor(given: ScriptOptions, deps: ProbeDeps) {
    this.#options = given;
    this.#deps = deps;
    deps.scope.defer(async () => {
      for (const group of this.#running) group.kill();
      await Promise.all([...this.#running].map(({ gone }) => gone));
    });
  }

  async run(...[instance, signal]: Parameters<Probe['run']>): Promise<Outcome> {
    const { scriptLimit, timeout, clock } = this.#deps;
    const asked = clock.now();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    let started = false;
    // The limit is ours: a script that found no place before its deadline says nothing about the instance.
    const onAbort = (): void => {
      if (!started) resolve(skip('prober-limit', `no place for another script within ${timeout} ms`));
    };
    if (signal.aborted) {
      onAbort();
      return promise;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    // The place is taken until the last process is gone, which may be a while after the outcome is known.
    const place = scriptLimit(async () => {
      if (signal.aborted) return;
      started = true;
      await this.#start(instance, clock.now() - asked, signal, resolve);
    });
    try {
      return await Promise.race([promise, place.then(() => promise)]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Tells the outcome as soon as it is known, and resolves when nothing of the program is left. */
  async #start(
    instance: Instance,
    waited: number,
    signal: AbortSignal,
    tell: (outcome: Outcome) => void,
  ): Promise<void> {
    const { shell, cwd, env, exitCodes, killAfter } = this.#options;
    const { baseDir, timeout, clock } = this.#deps;
    const words = this.#words(instance);
    if (typeof words === 'string') {
      tell(skip('plugin-error', words));
      return;
    }
    const left = Math.max(0, Math.round(timeout - waited));
    let group: ProcessGroup;
    try {
      group = new ProcessGroup(
        words,
        {
          shell,
          cwd: cwd === undefined ? baseDir : resolvePath(baseDir, cwd),
          env: { ...searchPath(), ...environment(instance, left), ...env },
        },
        killAfter,
        clock,
      );
    } catch (error) {
      tell(ownFault(error, 'script'));
      return;
    }
    this.#running.add(group);
    try {
      const ended = await group.end(signal);
      if (ended.kind === 'timeout' && waited > timeout / 10)
        tell(skip('prober-limit', `waited ${Math.round(waited)} ms of its ${timeout} ms for a place`));
      else tell(outcomeOf(ended, exitCodes, timeout));
      await group.gone;
    } finally {
      this.#running.delete(group);
    }
  }

  /** The program and its arguments for this instance, or what is wrong with them. */
  #words(instance: Instance): readonly string[] | string {
    const words: string[] = [];
    for (const template of this.#options.command) {
      const word = fill(template, instance);
      if (word === undefined || word.includes('\0'))
        return 'a template of the command gives no usable value for this instance';
      // An argument that a provider could turn into an option of the program.
      if (word.startsWith('-') && constantText(template.slice(0, 1)) === undefined)
        return 'a template of the command gives an argument that looks like an option';
      words.push(word);
    }
    return words;
  }
}

function outcomeOf(ended: Ended, exitCodes: ScriptOptions['exitCodes'], timeout: number): Outcome {
  switch (ended.kind) {
    case 'not-started':
      return notStarted(ended.error);
    case 'timeout':
      return fail('script-timeout', `did not end within ${timeout} ms`);
    case 'signal':
      return fail('script-exit', `ended by ${ended.name}${after(ended.output)}`);
    case 'exit':
      return exitOutcome(ended.code, ended.output, exitCodes);
    default:
      return ended satisfies never;
  }
}

/** Nagios plugin API: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; Docker HEALTHCHECK: 0 healthy, 1 unhealthy. */
function exitOutcome(code: number, output: string, exitCodes: ScriptOptions['exitCodes']): Outcome {
  const detail = `exit ${code}${after(output)}`;
  if (code === 0) return { kind: 'pass', ...(output === '' ? {} : { detail: firstLine(output) }) };
  const dead = exitCodes === 'nagios' ? code === 2 : code === 1;
  if (dead) return { kind: 'fail', cause: 'script-exit', reached: false, detail };
  if (exitCodes === 'nagios' && code === 3) return skip('script-unknown', detail);
  // 126 and 127 are the shell's (POSIX): not executable, not found.
  if (code === 126 || code === 127) return skip('script-missing', detail);
  return fail('script-exit', detail);
}

function after(output: string): string {
  return output === '' ? '' : `: ${firstLine(output)}`;
}

/** Without what would steer a terminal, and not endless. */
function firstLine(output: string): string {
  return oneLine(output.split('\n')[0] ?? '');
}

function notStarted(error: unknown): Outcome {
  const missing = ['ENOENT', 'EACCES', 'ENOTDIR', 'ENOEXEC', 'ELOOP'].includes(codeOf(error));
  return missing ? skip('script-missing', String(error)) : ownFault(error, 'script');
}

/** Where programs are found is the one thing taken over from our own environment. */
function searchPath(): Record<string, string> {
  return process.env.PATH === undefined ? {} : { PATH: process.env.PATH };
}

/** What the program learns of the instance; `left` in milliseconds. */
function environment(instance: Instance, left: number): Record<string, string> {
  const env: Record<string, string> = {
    SONDE_REGISTRY: instance.registry,
    SONDE_NAMESPACE: instance.namespace,
    SONDE_SERVICE: instance.service,
    SONDE_INSTANCE: instance.id,
    SONDE_HOST: instance.host,
    SONDE_PORT: String(instance.port),
    SONDE_TIMEOUT_MS: String(left),
  };
  for (const [key, value] of Object.entries(instance.metadata))
    env[`SONDE_METADATA_${key.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`] = value;
  for (const [key, value] of Object.entries(env)) env[key] = value.replaceAll('\0', '');
  return env;
}
