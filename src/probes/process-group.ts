/** A program in a process group of its own: its output up to a limit, its end, and its certain end. */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../core/clock.ts';

export type Ended =
  | { readonly kind: 'exit'; readonly code: number; readonly output: string }
  | { readonly kind: 'signal'; readonly name: string; readonly output: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'not-started'; readonly error: unknown };

export interface Surroundings {
  readonly shell: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Bytes of output that are kept, as Docker keeps them. */
const MOST_OUTPUT = 4_096;
/** Milliseconds for reading what was written before the end; a stranger may hold the pipes open for ever. */
const LAST_WORDS = 100;

export class ProcessGroup {
  readonly #child: ChildProcess;
  readonly #killAfter: number;
  readonly #clock: Clock;
  readonly #output: Buffer[] = [];
  #length = 0;
  /** Set once the leader has ended. */
  #tellEnd: (() => void) | undefined;
  #killing: Disposable | undefined;
  #killed = false;
  readonly #ended = Promise.withResolvers<Ended>();
  readonly #gone = Promise.withResolvers<void>();

  /** Throws when the words can be handed to no program. `killAfter` in milliseconds. */
  constructor(words: readonly string[], around: Surroundings, killAfter: number, clock: Clock) {
    this.#killAfter = killAfter;
    this.#clock = clock;
    const [program = '', ...args] = words;
    this.#child = spawn(program, args, { ...around, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', this.#keep);
    this.#child.stderr?.on('data', this.#keep);
    this.#child.once('error', (error) => {
      this.#ended.resolve({ kind: 'not-started', error });
      if (this.#child.pid === undefined) this.#close();
    });
    // `exit`, not `close`: somebody outside the group may keep the pipes open.
    this.#child.once('exit', this.#onExit);
  }

  /** Resolves when nobody of the group is left, or can be but for a moment: it was told by SIGKILL. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** How the program ended, or `timeout` as soon as the signal aborts; the group is then asked to end, and later told. */
  async end(signal: AbortSignal): Promise<Ended> {
    const onAbort = (): void => (this.#tellEnd ?? this.#timeOut)();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#ended.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Tells the whole group to end, now. */
  kill(): void {
    this.#killed = true;
    this.#killing?.[Symbol.dispose]();
    this.#signal('SIGKILL');
    if (this.#tellEnd !== undefined) this.#close();
  }

  readonly #timeOut = (): void => {
    this.#ended.resolve({ kind: 'timeout' });
    this.#signal('SIGTERM');
    this.#killing = this.#clock.after(this.#killAfter, () => this.kill());
  };

  readonly #onExit = (code: number | null, name: string | null): void => {
    const tell = (): void => {
      const output = Buffer.concat(this.#output).toString('utf8').trim();
      if (code === null) this.#ended.resolve({ kind: 'signal', name: name ?? '', output });
      else this.#ended.resolve({ kind: 'exit', code, output });
    };
    this.#tellEnd = tell;
    if (this.#killing !== undefined && !this.#killed && this.#signal(0)) {
      // The leader obeyed; who is left of the group has its time to clean up, too.
      return;
    }
    this.#killing?.[Symbol.dispose]();
    // What the program left behind in its group goes with it, and so do its ends of the pipes.
    this.#signal('SIGKILL');
    const waiting = this.#clock.after(LAST_WORDS, () => {
      tell();
      this.#close();
    });
    this.#child.once('close', () => {
      waiting[Symbol.dispose]();
      tell();
      this.#close();
    });
  };

  /** False when nobody of the group is left (ESRCH). */
  #signal(name: 'SIGTERM' | 'SIGKILL' | 0): boolean {
    if (this.#child.pid === undefined) return false;
    try {
      return process.kill(-this.#child.pid, name);
    } catch {
      return false;
    }
  }

  readonly #keep = (chunk: Buffer): void => {
    if (this.#length < MOST_OUTPUT) this.#output.push(chunk.subarray(0, MOST_OUTPUT - this.#length));
    this.#length += chunk.length;
  };

  #close(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#gone.resolve();
  }
}
