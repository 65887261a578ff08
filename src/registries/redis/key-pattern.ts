/** Where instances stand in a keyspace: `sonde:{namespace}:{service}:{id}` read and written. Pure. */

import type { ServiceName } from '../../core/instance.ts';
import { formatHostPort, parsePort } from '../../lib/host-port.ts';

const PLACEHOLDERS = ['namespace', 'service', 'id', 'host', 'port'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

const PLACEHOLDER = /\{(namespace|service|id|host|port)\}/;

/** What a key says; host and port only where the pattern has them. */
export interface Place extends ServiceName {
  readonly id: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/** What is the same for all keys where the pattern does not have it. */
export interface Defaults {
  readonly namespace: string;
  readonly service: string;
}

/** Placeholders stand at odd positions, the text between them at even ones. */
function partsOf(pattern: string): readonly string[] {
  return pattern.split(PLACEHOLDER);
}

/** What is wrong with the pattern, or undefined. `service` is given where all instances are of one service. */
export function patternFault(pattern: string, service: string | undefined): string | undefined {
  const parts = partsOf(pattern);
  const names = parts.filter((_, index) => index % 2 === 1);
  const has = (name: Placeholder): boolean => names.includes(name);
  if (new Set(names).size < names.length) return 'each placeholder may stand there once';
  if (!has('id') && !(has('host') && has('port'))) return 'needs {id}, or {host} and {port}';
  if (has('service') === (service !== undefined))
    return has('service')
      ? '{service} and the option service exclude each other'
      : 'needs {service}, or the option service';
  const touching = parts.some(
    (text, index) => index % 2 === 0 && index > 0 && index < parts.length - 1 && text === '',
  );
  if (touching) return 'something must stand between two placeholders';
  return parts[0] === '' ? 'must begin with a text, lest every key is looked at' : undefined;
}

export class KeyPattern {
  readonly #parts: readonly string[];
  readonly #regex: RegExp;
  readonly #defaults: Defaults;
  /** As Redis' MATCH and PSUBSCRIBE take it. */
  readonly glob: string;

  /** The pattern has no fault (`patternFault`). */
  constructor(pattern: string, defaults: Defaults) {
    this.#parts = partsOf(pattern);
    this.#defaults = defaults;
    this.glob = this.#parts.map((part, index) => (index % 2 === 1 ? '*' : escapeGlob(part))).join('');
    // Up to the character that follows it; what comes last takes the rest, so that an id may hold a host:port.
    const groups = this.#parts.map((part, index) =>
      index % 2 === 1 ? `(?<${part}>${this.#alphabet(part, index)}+)` : escapeRegex(part),
    );
    this.#regex = new RegExp(`^${groups.join('')}$`, 's');
  }

  /** Undefined for a key of another form. */
  placeOf(key: string): Place | undefined {
    const groups = this.#regex.exec(key)?.groups;
    if (groups === undefined) return undefined;
    const { namespace = this.#defaults.namespace, service = this.#defaults.service, host } = groups;
    const port = groups.port === undefined ? undefined : parsePort(groups.port);
    if (groups.port !== undefined && port === undefined) return undefined;
    const id =
      groups.id ?? (host === undefined || port === undefined ? undefined : formatHostPort(host, port));
    return id === undefined ? undefined : { namespace, service, id, host, port };
  }

  keyOf({ namespace, service, id, host, port }: Place): string {
    const values: Record<string, unknown> = { namespace, service, id, host, port };
    return this.#parts.map((part, index) => (index % 2 === 1 ? String(values[part]) : part)).join('');
  }

  #alphabet(name: string, index: number): string {
    if (name === 'port') return '[0-9]';
    const next = this.#parts[index + 1]?.[0];
    // A host before its port may be an IPv6 address, and what is last may be anything.
    return next === undefined || (name === 'host' && this.#parts[index + 2] === 'port')
      ? '.'
      : `[^${escapeClass(next)}]`;
  }
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function escapeClass(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Redis' globs have `*`, `?`, `[…]` and the backslash. */
function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&');
}
