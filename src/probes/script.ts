/** The probe `script`: runs a program of the user in a process group of its own and reads its exit code. */

import { type ChildProcess, spawn } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { Instance } from '../core/instance.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../core/probe.ts';
import { duration, filePath } from '../options/fields.ts';
import { codeOf, fail, messageOf, skip } from './cause.ts';
import { template } from './fields.ts';
import { fill } from './template.ts';

/** Bytes of output that are kept, as Docker keeps them. */
const MOST_OUTPUT = 4_096;

const options = z
  .strictObject({
    command: z
      .array(template)
      .min(1)
      .meta({ description: 'Program and arguments; templates are filled in, each argument stays one' }),
    shell: z
      .boolean()
      .default(false)
      .meta({ description: 'Hand the one command to /bin/sh; no templates then' }),
    cwd: filePath.optional().meta({ description: "Working directory; default the configuration's folder" }),
    env: z
      .record(z.string(), z.string())
      .default({})
      .meta({ description: 'Environment beside PATH and SONDE_*' }),
    exitCodes: z.enum(['nagios', 'docker']).default('nagios').meta({
      description: 'nagios: 0 pass, 1 sub-healthy, 2 dead, 3 nothing to say; docker: 0 pass, 1 dead',
    }),
    killAfter: duration.default(500).meta({ description: 'From SIGTERM to SIGKILL' }),
  })
  .superRefine(({ shell, command }, context) => {
    if (!shell) return;
    const wrong = (message: string): void => context.addIssue({ code: 'custom', path: ['command'], message });
    if (command.length !== 1) wrong('with shell there is exactly one command');
    // What a registrant may write must never be read by a shell; SONDE_* are in the environment.
    if (command.some((part) => part.some((one) => typeof one !== 'string')))
      wrong('no ${instance.…} with shell: read "$SONDE_HOST" and its like instead');
  });

export type ScriptOptions = z.output<typeof options>;

export const scriptProbe: ProbePlugin<ScriptOptions> = {
  name: 'script',
  summary: 'Runs a program and reads its exit code, after Nagios or Docker.',
  options,
  create: (given, deps) => new ScriptProbe(given, deps),
};

class ScriptProbe implements Probe {
  readonly #options: ScriptOptions;
  readonly #deps: ProbeDeps;

  constructor(given: ScriptOptions, deps: ProbeDeps) {
    this.#options = given;
    this.#deps = deps;
  }

  async run(...[instance, signal]: Parameters<Probe['run']>): Promise<Outcome> {
    const { scriptLimit, timeout, clock } = this.#deps;
    const asked = clock.now();
    let started = false;
    // The limit is ours: a script that found no place before its deadline says nothing about the instance.
    const waited = Promise.withResolvers<Outcome>();
    const onAbort = (): void => {
      if (!started) waited.resolve(skip('prober-limit', `no place for another script within ${timeout} ms`));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      const run = scriptLimit(async () => {
        if (signal.aborted) return waited.promise;
        started = true;
        const waitedFor = clock.now() - asked;
        const outcome = await this.#runNow(instance, signal);
        const cutShort =
          outcome.kind === 'fail' && outcome.cause === 'script-timeout' && waitedFor > timeout / 10;
        return cutShort
          ? skip('prober-limit', `waited ${Math.round(waitedFor)} ms of its ${timeout} ms for a place`)
          : outcome;
      });
      return await Promise.race([run, waited.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #runNow(instance: Instance, signal: AbortSignal): Promise<Outcome> {
    const { command, shell, cwd, env, exitCodes, killAfter } = this.#options;
    const { baseDir, timeout, clock } = this.#deps;
    const words = command.map((word) => fill(word, instance));
    if (words.some((word) => word === undefined || word.includes('\0')))
      return skip('plugin-error', 'a template of the command gives no value for this instance');
    const [program = '', ...args] = words.filter((word) => word !== undefined);
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        shell,
        cwd: cwd === undefined ? baseDir : resolvePath(baseDir, cwd),
        env: { PATH: process.env.PATH, ...environment(instance, timeout), ...env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      return notStarted(error);
    }
    const ended = await endOf(child, killAfter, clock, signal);
    return outcomeOf(ended, exitCodes, timeout);
  }
}

type Ended =
  | { readonly kind: 'exit'; readonly code: number; readonly output: string }
  | { readonly kind: 'signal'; readonly name: string; readonly output: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'not-started'; readonly error: unknown };

/** Until the program ends, or its time is over and its whole group was told to. */
async function endOf(
  child: ChildProcess,
  killAfter: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const chunks: Buffer[] = [];
  let length = 0;
  const keep = (chunk: Buffer): void => {
    if (length < MOST_OUTPUT) chunks.push(chunk.subarray(0, MOST_OUTPUT - length));
    length += chunk.length;
  };
  const output = (): string => Buffer.concat(chunks).toString('utf8').trim();
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('error', (error) => resolve({ kind: 'not-started', error }));
  // `exit`, not `close`: a grandchild that keeps the pipes open must not hold us up. What was written before is read first.
  child.once('exit', (code, name) =>
    setImmediate(() =>
      resolve(
        code === null
          ? { kind: 'signal', name: name ?? '', output: output() }
          : { kind: 'exit', code, output: output() },
      ),
    ),
  );
  const onAbort = (): void => {
    resolve({ kind: 'timeout' });
    killGroup(child, 'SIGTERM');
    clock.after(killAfter, () => killGroup(child, 'SIGKILL'));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    const ended = await promise;
    // What the program left behind in its group goes with it.
    if (ended.kind === 'exit' || ended.kind === 'signal') killGroup(child, 'SIGKILL');
    return ended;
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function killGroup(child: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // ESRCH: nobody of the group is left.
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
  // 126 and 127 are the shell's: not executable, not found.
  if (code === 126 || code === 127) return skip('script-missing', detail);
  return fail('script-exit', detail);
}

function after(output: string): string {
  return output === '' ? '' : `: ${firstLine(output)}`;
}

function firstLine(output: string): string {
  return (output.split('\n')[0] ?? '').slice(0, 200);
}

function notStarted(error: unknown): Outcome {
  const limits = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'];
  return skip(limits.includes(codeOf(error)) ? 'prober-limit' : 'script-missing', messageOf(error));
}

/** What the program learns of the instance. */
function environment(instance: Instance, timeout: number): Record<string, string> {
  const env: Record<string, string> = {
    SONDE_REGISTRY: instance.registry,
    SONDE_NAMESPACE: instance.namespace,
    SONDE_SERVICE: instance.service,
    SONDE_INSTANCE: instance.id,
    SONDE_HOST: instance.host,
    SONDE_PORT: String(instance.port),
    SONDE_TIMEOUT_MS: String(timeout),
  };
  for (const [key, value] of Object.entries(instance.metadata)) {
    env[`SONDE_METADATA_${key.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`] = value.replaceAll('\0', '');
  }
  return env;
}
