/**
 * The consumer `haproxy-agent`: answers the agent checks of an HAProxy, one server for all of its backends. Each server line
 * says by `agent-send` whom it asks about.
 */

import { createServer, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { HaproxyAgentConfig } from '../core/consumer.ts';
import type { Log } from '../core/log.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { agentAnswer } from './agent-answer.ts';
import type { Directory } from './directory.ts';
import type { ConsumerCounters, Telling } from './telling.ts';

export interface TellingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: Directory;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Bytes of a question; no name of an instance is longer. */
const LONGEST = 1_024;
/** Milliseconds in which a question must be asked. */
const PATIENCE = 2_000;
const MOST_CONNECTIONS = 1_024;
/** Names that were complained about; beyond it nobody is named any more. */
const MOST_NAMED = 1_000;
const AGAIN: Backoff = { base: 500, cap: 15_000 };

export class HaproxyAgent implements Telling {
  readonly config: HaproxyAgentConfig;
  readonly #deps: TellingDeps;
  readonly #complained = new Set<string>();
  #told = 0;
  #failed = 0;

  constructor(config: HaproxyAgentConfig, deps: TellingDeps) {
    this.config = config;
    this.#deps = deps;
  }

  get counters(): ConsumerCounters {
    return { told: this.#told, failed: this.#failed };
  }

  /** It is asked, and told then. */
  changed(): void {
    return;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#deps;
    const { name, listen } = this.config;
    const where = { consumer: name, address: formatHostPort(listen.host, listen.port) };
    for (let attempt = 0; !signal.aborted; attempt++) {
      const failure = await this.#serve(signal, () => {
        log.info('HAProxy may ask', where);
        attempt = 0;
      });
      if (failure === undefined) return;
      if (attempt === 0)
        log.warn('HAProxy cannot ask: the address cannot be had', { ...where, error: failure });
      await clock.sleep(backoffDelay(AGAIN, attempt, random()), signal).catch(() => undefined);
    }
  }

  /** Resolves with why the address could not be had, or without anything once the signal aborts. */
  #serve(signal: AbortSignal, onListening: () => void): Promise<string | undefined> {
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      this.#converse(socket);
    });
    server.maxConnections = MOST_CONNECTIONS;
    return new Promise((resolve) => {
      const close = (failure?: string): void => {
        signal.removeEventListener('abort', onAbort);
        for (const socket of open) socket.destroy();
        server.close(() => resolve(failure));
        if (!server.listening) resolve(failure);
      };
      const onAbort = (): void => close();
      server.on('error', (error: NodeJS.ErrnoException) => close(error.code ?? error.message));
      server.once('listening', onListening);
      signal.addEventListener('abort', onAbort, { once: true });
      server.listen(this.config.listen);
    });
  }

  /** One question, one answer, and the end of the connection. */
  #converse(socket: Socket): void {
    let asked = '';
    const patience = this.#deps.clock.after(PATIENCE, () => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    socket.once('close', () => patience[Symbol.dispose]());
    const answer = (): void => {
      socket.removeAllListeners('data');
      socket.removeAllListeners('end');
      const said = this.#answer(asked.split(/[\r\n]/, 1)[0]?.trim() ?? '');
      if (said === undefined) this.#failed++;
      else this.#told++;
      socket.end(said ?? '');
    };
    socket.on('data', (piece: string) => {
      asked += piece;
      if (asked.length > LONGEST) socket.destroy();
      else if (/[\r\n]/.test(asked)) answer();
    });
    socket.once('end', answer);
  }

  #answer(name: string): string | undefined {
    const found = this.#deps.directory.find(name, this.config.match);
    if (found.kind === 'one') return agentAnswer(found.said, this.config);
    // Who is missing before all is listed may only not have been seen yet.
    if (this.#deps.directory.complete(this.config.match)) this.#complain(name, found.kind);
    return undefined;
  }

  #complain(name: string, why: 'none' | 'several'): void {
    if (this.#complained.has(name) || this.#complained.size >= MOST_NAMED) return;
    this.#complained.add(name);
    const fields = { consumer: this.config.name, asked: name.slice(0, 200) };
    if (why === 'several')
      this.#deps.log.warn('HAProxy asks for a name that means several instances', fields);
    else this.#deps.log.warn('HAProxy asks for an instance that is not known', fields);
  }
}
