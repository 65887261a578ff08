/** The world of a command, kept in memory. */

import type { ExitCode, Io, Stream } from '../../src/cli/io.ts';

export class FakeIo implements Io {
  readonly out: FakeStream;
  readonly err: FakeStream;
  readonly env: Record<string, string> = {};
  readonly ending = new AbortController();
  readonly hangups = new Set<() => void>();
  exitCode: ExitCode | undefined;

  constructor(terminal = false) {
    this.out = new FakeStream(terminal);
    this.err = new FakeStream(terminal);
  }

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  onHangup(listener: () => void): Disposable {
    this.hangups.add(listener);
    return { [Symbol.dispose]: () => void this.hangups.delete(listener) };
  }

  exit(code: ExitCode): void {
    this.exitCode = code;
  }
}

class FakeStream implements Stream {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}
