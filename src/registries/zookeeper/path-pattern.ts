/** Where instances stand in a tree: `/services/{service}/{id}` read and written, a segment at a time. Pure. */

import type { ServiceName } from '../../core/instance.ts';
import { formatHostPort, parsePort } from '../../lib/host-port.ts';
import type { Level } from './level.ts';

const NAMES = ['namespace', 'service', 'id', 'host', 'port'] as const;
type Name = (typeof NAMES)[number];

const PLACEHOLDER = /\{(namespace|service|id|host|port)\}/;

/** What a path says; host and port only where the pattern has them. */
export interface Place extends ServiceName {
  readonly id: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

type Defaults = ServiceName;

/** What is wrong with the pattern, or undefined. */
export function patternFault(pattern: string, service: string | undefined): string | undefined {
  if (!/^\/[^/]+(\/[^/]+)+$/.test(pattern))
    return 'must be an absolute path of at least two segments, as in /services/{service}/{id}';
  const [first = '', ...segments] = pattern.slice(1).split('/');
  const names = pattern.split(PLACEHOLDER).filter((_, index) => index % 2 === 1) as Name[];
  const has = (name: Name): boolean => names.includes(name);
  if (PLACEHOLDER.test(first)) return 'must begin with a segment without a placeholder';
  if (new Set(names).size < names.length) return 'each placeholder may stand there once';
  if (!has('id') && !(has('host') && has('port'))) return 'needs {id}, or {host} and {port}';
  if (!PLACEHOLDER.test(segments.at(-1) ?? '')) return 'must end with a segment with a placeholder';
  if (has('service') === (service !== undefined))
    return has('service')
      ? '{service} and the option service exclude each other'
      : 'needs {service}, or the option service';
  return /\}\{/.test(pattern) ? 'something must stand between two placeholders' : undefined;
}

export class PathPattern {
  readonly #segments: readonly string[];
  readonly #regexes: readonly RegExp[];
  readonly #defaults: Defaults;
  /** The segments before the first with a placeholder. */
  readonly root: string;
  /** Those from there on. */
  readonly levels: readonly Level[];

  /** The pattern has no fault (`patternFault`). */
  constructor(pattern: string, defaults: Defaults) {
    this.#segments = pattern.slice(1).split('/');
    this.#regexes = this.#segments.map(regexOf);
    this.#defaults = defaults;
    const fixed = this.#segments.findIndex((segment) => PLACEHOLDER.test(segment));
    this.root = `/${this.#segments.slice(0, fixed).join('/')}`;
    this.levels = this.#segments.slice(fixed).map((segment, index): Level => {
      const regex = this.#regexes[fixed + index] ?? /^$/;
      return PLACEHOLDER.test(segment)
        ? { kind: 'each', keep: (name) => regex.test(name) }
        : { kind: 'only', names: [segment] };
    });
  }

  /** All instances of a service stand below one node of the first level, whose name says which. */
  get groupsServices(): boolean {
    const [first = ''] = this.#segments.slice(this.root.split('/').length - 1);
    const names = first.split(PLACEHOLDER).filter((_, index) => index % 2 === 1);
    return names.every((name) => name === 'service' || name === 'namespace');
  }

  /** Undefined for a path of another form. */
  placeOf(path: string): Place | undefined {
    const segments = path.slice(1).split('/');
    if (segments.length !== this.#segments.length) return undefined;
    const groups: Partial<Record<Name, string>> = {};
    for (const [index, segment] of segments.entries()) {
      const match = this.#regexes[index]?.exec(segment);
      if (match === null || match === undefined) return undefined;
      Object.assign(groups, match.groups);
    }
    const { namespace = this.#defaults.namespace, service = this.#defaults.service, host } = groups;
    const port = groups.port === undefined ? undefined : parsePort(groups.port);
    if (groups.port !== undefined && port === undefined) return undefined;
    const id =
      groups.id ?? (host === undefined || port === undefined ? undefined : formatHostPort(host, port));
    return id === undefined ? undefined : { namespace, service, id, host, port };
  }

  pathOf({ namespace, service, id, host, port }: Place): string {
    const values: Record<string, unknown> = { namespace, service, id, host, port };
    const filled = this.#segments.map((segment) =>
      segment
        .split(PLACEHOLDER)
        .map((part, index) => (index % 2 === 1 ? String(values[part]) : part))
        .join(''),
    );
    return `/${filled.join('/')}`;
  }
}

function regexOf(segment: string): RegExp {
  const parts = segment.split(PLACEHOLDER);
  const text = parts.map((part, index) => {
    if (index % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    // A host before its port may be an IPv6 address; what is last takes the rest.
    return part === 'port' ? `(?<${part}>[0-9]+)` : `(?<${part}>.+${index === parts.length - 2 ? '' : '?'})`;
  });
  return new RegExp(`^${text.join('')}$`, 's');
}
