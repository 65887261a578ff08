/** What a command has of the world: streams, environment and the signal that ends it. */

import type { Command } from 'commander';
import type { Clock } from '../core/clock.ts';

export interface Io {
  /** Results. */
  readonly out: Stream;
  /** Messages. */
  readonly err: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Calls `listener` on each SIGHUP until disposed; nobody listening, SIGHUP ends the process. */
  onHangup(listener: () => void): Disposable;
  /** Ends the process with this code once everything was written; the last call wins, 0 without one. */
  exit(code: ExitCode): void;
}

export interface Stream {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Characters a line; 80 where unknown. */
  readonly columns: number;
}

/** DESIGN 3.1, and 124 as timeout(1) has it: the time is over. 70 and signals are main.ts's. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 124;

/** Every command file exports one of these; cli/program.ts lists them. */
export type AddCommand = (program: Command, io: Io, clock: Clock) => void;
