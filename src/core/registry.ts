/** A registry tells which instances there are and may be told their health. */

import type { Clock } from './clock.ts';
import type { WritableHealth } from './health.ts';
import type { Instance, InstanceId } from './instance.ts';
import type { Log } from './log.ts';
import type { Plugin } from './plugin.ts';
import type { Snapshot } from './snapshot.ts';

export interface Registry {
  /**
   * Lists and follows. Throws `RegistryError` when the registry fails (the caller opens it again, with backoff) and
   * `signal.reason` when aborted; a failure is never told as an empty snapshot.
   */
  snapshots(signal: AbortSignal): AsyncIterable<Snapshot>;
  /**
   * Carries out a batch of at most `batchSize` requests, each for another instance: one receipt each, in any order.
   * Throws `RegistryError` when nothing could be asked. Idempotent.
   */
  write?(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]>;
  /** The most requests that `write` takes at once. */
  readonly batchSize: number;
  /**
   * Milliseconds after which a `dead` that stands there is asked for once more, where the registry forgets it otherwise;
   * undefined where nothing lapses. What to renew, if anything, is for `write` to find.
   */
  readonly renewEvery?: number;
}

export interface WriteRequest {
  /** As last listed; its revision is what a compare-and-swap starts from. */
  readonly instance: Instance;
  /** What shall stand there: a health, or the registry's own original value (`release` removes mark and change). */
  readonly desired: DesiredHealth | { readonly kind: 'release' };
  /** The writer of the mark. */
  readonly writer: string;
  /** An operator said so: a contested value is overwritten. */
  readonly force: boolean;
}

export interface DesiredHealth {
  readonly kind: 'health';
  readonly health: WritableHealth;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export const RECEIPTS = ['written', 'unchanged', 'gone', 'refused', 'contested'] as const;

/** `refused`: the registry said no to this one; `contested`: somebody else's value or mark stands there. */
export type ReceiptKind = (typeof RECEIPTS)[number];

export interface Receipt {
  readonly instance: InstanceId;
  readonly kind: ReceiptKind;
  readonly detail?: string;
}

export interface RegistryDeps {
  /** Name of the registry in the configuration. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly scope: AsyncDisposableStack;
  /** Folder that relative paths of the configuration start from. */
  readonly baseDir: string;
}

export interface RegistryPlugin<O = unknown> extends Plugin<O, RegistryDeps, Registry> {
  readonly capabilities: RegistryCapabilities;
}

interface RegistryCapabilities {
  /** `write` is there. */
  readonly writes: boolean;
  /** Entries have incarnations: a provider that registers again is a new instance. */
  readonly incarnations: boolean;
  /** Its row in the table of docs/registries.md, which is generated of it; all that are built in have one. */
  readonly facts?: RegistryFacts;
}

export interface RegistryFacts {
  /** Where providers are looked for, in a few words. */
  readonly discovers: string;
  /** How changes become known; `hints`: it may be told of them, and asks again and again all the same. */
  readonly follows: 'push' | 'hints' | 'poll';
  /** Where health goes, in a few words; undefined where nothing can be written. */
  readonly writesTo?: string;
  /** How sonde may show who it is. */
  readonly auth: readonly ('password' | 'token' | 'client certificate')[];
  /** What its consumers see without further options; undefined where nothing can be written. */
  readonly mapping?: { readonly subHealthy: string; readonly dead: string };
  /** Servers and versions that the contract was run against. */
  readonly tested: readonly string[];
  /** What it cannot do, in a few words. */
  readonly limits: string;
}

export const REGISTRY_ERROR_CODES = [
  'unreachable',
  'unauthorised',
  'forbidden',
  'protocol',
  'conflict',
  'overloaded',
  'unsupported',
] as const;
export type RegistryErrorCode = (typeof REGISTRY_ERROR_CODES)[number];

/** The registry failed. The message starts with what and where. */
export class RegistryError extends Error {
  readonly code: RegistryErrorCode;
  constructor(code: RegistryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistryError';
    this.code = code;
  }
}
