/** The servers of a Redis, one, those that Sentinels name, or a cluster's: each key is asked for where it is. */

import { RegistryError } from '../../core/registry.ts';
import { type Command, Connection, type ConnectionDeps, type Login } from './connection.ts';
import { Refusal, refused } from './failure.ts';
import type { Address, RedisOptions } from './options.ts';
import {
  addressText,
  clusterRoute,
  masterBySentinel,
  type Route,
  redirection,
  singleRoute,
} from './route.ts';

export interface KeyCommand {
  readonly key: string;
  readonly command: Command;
}

/** An answer, or why there is none. */
export type KeyAnswer = { readonly value: unknown } | { readonly error: RegistryError };

/** Commands that one deadline covers. */
const BATCH = 500;

/** How often a key that has moved is looked for anew. */
const HOPS = 4;

export class Servers {
  readonly #options: RedisOptions;
  readonly #deps: ConnectionDeps;
  readonly #open = new Map<string, Promise<Connection>>();
  /** Ends what nobody waits for any more. */
  readonly #closing = new AbortController();
  #route: Route | undefined;

  constructor(options: RedisOptions, deps: ConnectionDeps & { readonly scope: AsyncDisposableStack }) {
    this.#options = options;
    this.#deps = deps;
    deps.scope.defer(async () => {
      const reason = new Error('closed');
      this.#closing.abort(reason);
      for (const opened of await Promise.allSettled(this.#open.values()))
        if (opened.status === 'fulfilled') opened.value.close(reason);
    });
  }

  /** Asks anew who has which keys. */
  async route(signal: AbortSignal): Promise<Route> {
    const route = await this.#findRoute(signal);
    this.#route = route;
    return route;
  }

  /** A connection for commands, shared by all who ask. */
  at(address: Address, signal: AbortSignal): Promise<Connection> {
    return this.#shared(address, this.#login(), signal);
  }

  /** A connection of one's own, to be closed by its owner. */
  dedicated(address: Address, signal: AbortSignal): Promise<Connection> {
    return Connection.open(address, this.#login(), this.#options, this.#deps, signal);
  }

  /** Carries out each command where its key is; answers in the order of the commands. Throws only `signal.reason`. */
  async ask(commands: readonly KeyCommand[], signal: AbortSignal): Promise<readonly KeyAnswer[]> {
    const answers: KeyAnswer[] = [];
    for (let from = 0; from < commands.length; from += BATCH)
      answers.push(...(await this.#askBatch(commands.slice(from, from + BATCH), signal)));
    return answers;
  }

  async #askBatch(commands: readonly KeyCommand[], signal: AbortSignal): Promise<readonly KeyAnswer[]> {
    const answers = new Map<KeyCommand, KeyAnswer>();
    let left: readonly KeyCommand[] = commands;
    for (let hop = 0; left.length > 0; hop++) {
      const moved: KeyCommand[] = [];
      try {
        const route = this.#route ?? (await this.route(signal));
        await Promise.all(
          byOwner(left, route).map(async ([address, group]) => {
            for (const [command, answer] of await this.#askAt(address, group, signal)) {
              const again = hop < HOPS && answer === 'moved';
              if (again) moved.push(command);
              else answers.set(command, answer === 'moved' ? this.#endless(command) : answer);
            }
          }),
        );
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        for (const command of left) if (!answers.has(command)) answers.set(command, { error });
        break;
      }
      if (moved.length > 0) this.#route = undefined;
      left = moved;
    }
    return commands.map((command) => answers.get(command) ?? this.#endless(command));
  }

  async #askAt(
    address: Address,
    group: readonly KeyCommand[],
    signal: AbortSignal,
  ): Promise<readonly (readonly [KeyCommand, KeyAnswer | 'moved'])[]> {
    try {
      const connection = await this.at(address, signal);
      const values = await connection.sendAll(
        group.map(({ command }) => command),
        signal,
      );
      return await Promise.all(
        group.map(
          async (command, index) =>
            [command, await this.#answer(command, values[index], connection.where, signal)] as const,
        ),
      );
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // Perhaps another server has its keys by now.
      this.#route = undefined;
      return group.map((command) => [command, { error }] as const);
    }
  }

  async #answer(
    { command }: KeyCommand,
    value: unknown,
    where: string,
    signal: AbortSignal,
  ): Promise<KeyAnswer | 'moved'> {
    if (!(value instanceof Refusal)) return { value };
    if (value.kind === 'MOVED' || value.kind === 'TRYAGAIN') return 'moved';
    const target = value.kind === 'ASK' ? redirection(value.message, where) : undefined;
    if (target === undefined) {
      if (value.kind === 'READONLY') this.#route = undefined;
      return { error: refused(this.#deps.name, where, value) };
    }
    // The key is on its way to another server: for this one command that is the one to ask.
    const connection = await this.at(target, signal);
    const [, there] = await connection.sendAll([['ASKING'], command], signal);
    if (!(there instanceof Refusal)) return { value: there };
    return there.kind === 'MOVED' || there.kind === 'TRYAGAIN' || there.kind === 'ASK'
      ? 'moved'
      : { error: refused(this.#deps.name, connection.where, there) };
  }

  #endless({ key }: KeyCommand): KeyAnswer {
    const message = `registry ${this.#deps.name}: ${key}: no server of the cluster wants to have it`;
    return { error: new RegistryError('conflict', message) };
  }

  async #findRoute(signal: AbortSignal): Promise<Route> {
    const { topology, addresses, masterName } = this.#options;
    const [first] = addresses;
    if (topology === 'standalone' && first !== undefined) return singleRoute(first);
    let failure: RegistryError | undefined;
    // Nodes that the configuration does not name may be the only ones that are left.
    const known = topology === 'cluster' ? [...(this.#route?.masters ?? []), ...addresses] : addresses;
    for (const address of new Map(known.map((one) => [addressText(one), one])).values()) {
      try {
        if (topology === 'cluster')
          return await clusterRoute(await this.at(address, signal), address, this.#deps.name, signal);
        const found = await this.#master(address, masterName ?? '', signal);
        if (found !== undefined) return singleRoute(found);
        failure ??= this.#unreachable(`no Sentinel knows a living master ${masterName}`);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        failure = error;
      }
    }
    throw failure ?? this.#unreachable('no addresses');
  }

  /** What the Sentinel says, if the server itself says so too. */
  async #master(sentinel: Address, masterName: string, signal: AbortSignal): Promise<Address | undefined> {
    const { sentinelUsername: username, sentinelPassword: password } = this.#options;
    const passwordFile = this.#options.sentinelPasswordFile;
    const asked = await this.#shared(sentinel, { username, password, passwordFile, database: 0 }, signal);
    const address = await masterBySentinel(asked, masterName, signal);
    if (address === undefined) return undefined;
    const [role] = [await (await this.at(address, signal)).send(['ROLE'], signal)].flat();
    return role === 'master' ? address : undefined;
  }

  /** Many who ask at once wait for one connection. */
  async #shared(address: Address, login: Login, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    const key = addressText(address);
    const opening = this.#open.get(key) ?? this.#opening(key, address, login);
    return orAborted(opening, signal);
  }

  #opening(key: string, address: Address, login: Login): Promise<Connection> {
    const opening = Connection.open(address, login, this.#options, this.#deps, this.#closing.signal);
    this.#open.set(key, opening);
    const forget = (): void => {
      if (this.#open.get(key) === opening) this.#open.delete(key);
    };
    opening.then(({ lost }) => lost.addEventListener('abort', forget, { once: true }), forget);
    return opening;
  }

  #login(): Login {
    const { username, password, passwordFile, database } = this.#options;
    return { username, password, passwordFile, database };
  }

  #unreachable(what: string): RegistryError {
    return new RegistryError('unreachable', `registry ${this.#deps.name}: ${what}`);
  }
}

function byOwner(
  commands: readonly KeyCommand[],
  route: Route,
): readonly (readonly [Address, readonly KeyCommand[]])[] {
  const groups = new Map<string, { readonly address: Address; readonly commands: KeyCommand[] }>();
  for (const command of commands) {
    const address = route.ownerOf(command.key);
    const text = addressText(address);
    const group = groups.get(text) ?? { address, commands: [] };
    groups.set(text, group);
    group.commands.push(command);
  }
  return [...groups.values()].map((group) => [group.address, group.commands]);
}

/** What is waited for by several goes on when one of them leaves. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
