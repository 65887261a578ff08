/** The decoded configuration: plain values, all times in milliseconds, all shares from 0 to 1. */

import type { Check, Match, Use } from '../core/check.ts';
import type { ConsumerConfig } from '../core/consumer.ts';
import type { WriteMode } from '../core/view.ts';

export interface Config {
  readonly server: ServerConfig;
  /** Folder for what must survive; undefined: nothing is kept on disk. Absolute. */
  readonly stateDir?: string;
  /** Bytes that the journal in it takes at most; default 256 MiB. */
  readonly stateMaxSize?: number;
  readonly registries: readonly RegistryConfig[];
  readonly checks: readonly Check[];
  readonly policies: readonly PolicyConfig[];
  readonly webhooks: readonly WebhookConfig[];
  readonly consumers: readonly ConsumerConfig[];
  readonly localHealth: LocalHealthConfig;
  readonly engine: EngineConfig;
  readonly reload: ReloadConfig;
  /** Where each part stands, for explain: JSON pointer (`/rules/standard`, `/checks/0`) to `file:line:col`. */
  readonly positions: ReadonlyMap<string, string>;
  /** Folder of the configuration file; relative paths start there. */
  readonly baseDir: string;
  /** All files the configuration was made from, secrets included: what a reload watches. Absolute. */
  readonly files: readonly string[];
  /** Short hash over what these files said. */
  readonly revision: string;
}

export interface Listen {
  readonly host: string;
  readonly port: number;
}

interface ServerConfig {
  /** Everything; default 127.0.0.1:9810. */
  readonly listen: Listen;
  /** Read-only listener for probes and scrapes. */
  readonly telemetry?: Listen;
  /** Unix socket on which changes need no token. Absolute. */
  readonly socket?: string;
  /** Token for what changes state. Absolute; made with mode 0600 if it is missing. */
  readonly tokenFile?: string;
  /** `listen` speaks TLS with these. Absolute. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Names under which changes may be asked for, beside localhost and IP addresses. */
  readonly names: readonly string[];
}

export interface RegistryConfig extends Use {
  readonly name: string;
  readonly write: WriteConfig;
  readonly networks: NetworksConfig;
  readonly guard: RegistryGuardConfig;
}

interface WriteConfig {
  readonly mode: WriteMode;
  /** Name in the mark; default `sonde`. */
  readonly writer: string;
  /** Writes per second of the whole registry; default 50, bursts of four times that. */
  readonly maxPerSecond: number;
  /** One more write of the same instance is allowed each such time, three at once; default 10 s. */
  readonly perInstanceEvery: number;
}

/** CIDR networks; deny wins. Link-local and metadata addresses are denied unless allowed here. */
interface NetworksConfig {
  /** Undefined: all but the refused by default. */
  readonly allow?: readonly string[];
  readonly deny: readonly string[];
}

/** The brake per registry (DESIGN, Guard). */
interface RegistryGuardConfig {
  /** Share of the registry's instances that may be written dead within 60 s at once (3 always may); default 5 %. */
  readonly allowance: number;
  /** Above this share nothing more is written dead; default 60 %. */
  readonly freezeAbove: number;
}

export interface PolicyConfig {
  readonly match: Match;
  /** Never more than this share of a service unavailable through us; default 50 %. */
  readonly maxUnavailable?: number;
  /** Stricter than the registry's, never laxer. */
  readonly mode?: WriteMode;
}

export interface WebhookConfig {
  readonly name: string;
  /** http or https. */
  readonly url: string;
  /** Each one makes a signature; none: nothing is signed. */
  readonly secrets: readonly string[];
  readonly events: readonly ('transition' | 'write-failure' | 'registry')[];
  readonly match: Match;
  /** Milliseconds for one delivery; default 10 s. */
  readonly timeout: number;
  readonly headers: Readonly<Record<string, string>>;
}

interface LocalHealthConfig {
  /** URLs or host:port that are reached whenever anything is; default none. */
  readonly anchors: readonly string[];
}

interface EngineConfig {
  /** Looks in flight at once; default 512. */
  readonly concurrency: number;
  /** Looks in flight at one host; default 8. */
  readonly perHost: number;
  /** Scripts running at once; default 4. */
  readonly scripts: number;
  /** Looks beside the schedule, as a share of the scheduled ones in the long run; default 50 %. */
  readonly extraLooks: number;
}

interface ReloadConfig {
  /** Milliseconds between two looks at the content of the files; 0: only when told to. */
  readonly every: number;
}
