/** Real providers and consumers of Dubbo (.ci/servers/dubbo.sh), each a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cachedServer } from './server-cache.ts';
import { programPath } from './servers.ts';

/** Undefined, or why there is none on this machine. */
export function whyNoDubbo(): string | undefined {
  if (cachedServer('dubbo', 'ready') === undefined)
    return 'Dubbo was not installed: run .ci/servers/dubbo.sh';
  return programPath('java') === undefined ? 'no program java' : undefined;
}

/** How many of 200 calls each provider answered. */
export type Answers = Readonly<Record<string, number>>;

export class DubboPeer {
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  /** As last said by a consumer. */
  answers: Answers = {};
  /** How often it said so. */
  rounds = 0;

  private constructor(args: readonly string[]) {
    const folder = cachedServer('dubbo', 'ready') ?? '';
    const path = `${join(folder, 'classes')}:${join(folder, 'lib')}/*`;
    const flags = ['-Xmx160m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', path];
    this.#child = spawn('nice', ['-n', '10', 'java', ...flags, 'sonde.Peer', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => this.#hear(line));
    this.#child.on('exit', (code) => this.#ready.reject(new Error(`dubbo ended with ${code}`)));
  }

  /** Registered when this returns; gone with the scope. */
  static provider(
    scope: AsyncDisposableStack,
    zookeeper: string,
    port: number,
    mode: 'all' | 'interface' | 'instance',
  ): Promise<DubboPeer> {
    return DubboPeer.#start(scope, ['provider', zookeeper, String(port), mode]);
  }

  /** Calls all the time; by interface or by application. */
  static consumer(
    scope: AsyncDisposableStack,
    zookeeper: string,
    step: 'FORCE_INTERFACE' | 'FORCE_APPLICATION',
  ): Promise<DubboPeer> {
    return DubboPeer.#start(scope, ['consumer', zookeeper, step]);
  }

  static async #start(scope: AsyncDisposableStack, args: readonly string[]): Promise<DubboPeer> {
    const peer = new DubboPeer(args);
    scope.defer(() => peer.#kill());
    await peer.#ready.promise;
    return peer;
  }

  #hear(line: string): void {
    if (line === 'ready') this.#ready.resolve();
    const [, inside] = /^\{(.*)\}$/.exec(line) ?? [];
    if (inside === undefined) return;
    this.answers = Object.fromEntries(
      inside.split(', ').map((pair) => {
        const [name = '', count] = pair.split('=');
        return [name, Number(count)];
      }),
    );
    this.rounds++;
  }

  async #kill(): Promise<void> {
    this.#ready.promise.catch(() => undefined);
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
