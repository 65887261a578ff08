/** Runs commands of the whole program in this process, against a server that speaks the contract. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { systemClock } from '../../src/app/system-clock.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { Clock } from '../../src/core/clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { ContractServer, TOKEN, type World } from './contract-server.ts';
import { FakeIo } from './fake-io.ts';
import { makeWorld, T0 } from './world.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class CliBench {
  readonly server: ContractServer;
  readonly dir: string;
  readonly env: Record<string, string>;
  /** The system's, but that people always read 2026-01-01. */
  clock: Clock = { ...systemClock, wall: () => T0 };

  private constructor(server: ContractServer, dir: string) {
    this.server = server;
    this.dir = dir;
    const tokenFile = join(dir, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`);
    this.env = { SONDE_SERVER: server.url, SONDE_TOKEN_FILE: tokenFile };
  }

  static async start(scope: AsyncDisposableStack): Promise<CliBench> {
    const server = await ContractServer.start(scope, makeWorld());
    return new CliBench(server, tempDir(scope));
  }

  get world(): World {
    return this.server.world;
  }

  /** As main.ts does: wrong usage is 2. */
  async run(words: readonly string[], io: FakeIo = new FakeIo()): Promise<Ran> {
    Object.assign(io.env, { ...this.env, ...io.env });
    try {
      await createProgram(io, this.clock).parseAsync(words, { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      return { code: error.exitCode === 0 ? 0 : 2, out: io.out.text, err: io.err.text };
    }
    return { code: io.exitCode ?? 0, out: io.out.text, err: io.err.text };
  }

  /** Writes a file and gives its path. */
  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }
}
