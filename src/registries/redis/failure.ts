/** What Redis' refusals and lost connections mean in our words. */

import { RegistryError, type RegistryErrorCode } from '../../core/registry.ts';

/** The server's answer to one command was an error. */
export class Refusal {
  /** As it came: a code in capitals, then words. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }

  /** `MOVED`, `NOPERM`, `ERR` … */
  get kind(): string {
    return this.message.split(' ', 1)[0] ?? '';
  }
}

/** The first word of an error reply (redis.io, "Redis serialization protocol", simple errors; src/server.c of 7.0). */
const BY_KIND: Readonly<Record<string, RegistryErrorCode>> = {
  NOAUTH: 'unauthorised',
  WRONGPASS: 'unauthorised',
  NOPERM: 'forbidden',
  DENIED: 'forbidden',
  LOADING: 'unreachable',
  MASTERDOWN: 'unreachable',
  CLUSTERDOWN: 'unreachable',
  NOREPLICAS: 'unreachable',
  MISCONF: 'unreachable',
  READONLY: 'unreachable',
  TRYAGAIN: 'unreachable',
  OOM: 'overloaded',
  BUSY: 'overloaded',
};

/** Refusals that begin with ERR say what they mean in words only. */
const BY_WORDS: readonly (readonly [RegExp, RegistryErrorCode])[] = [
  [/max number of clients/, 'overloaded'],
  [/invalid password|AUTH .* called without/, 'unauthorised'],
  [/unknown command|cluster support disabled|SELECT is not allowed/, 'unsupported'],
];

export function refused(registry: string, where: string, { message, kind }: Refusal): RegistryError {
  const code = BY_KIND[kind] ?? BY_WORDS.find(([words]) => words.test(message))?.[1] ?? 'protocol';
  return new RegistryError(code, `registry ${registry}: ${where}: ${message}`);
}

export function unreachable(registry: string, where: string, error: unknown): RegistryError {
  const what = error instanceof Error ? error.message : String(error);
  return new RegistryError('unreachable', `registry ${registry}: ${where}: ${what}`, { cause: error });
}

/** The server says what this server never says. */
export function protocolError(registry: string, where: string, what: string): RegistryError {
  return new RegistryError('protocol', `registry ${registry}: ${where}: ${what}`);
}
