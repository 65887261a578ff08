/** Consumers that read no registry, and how each is told: the decoded form of the entries under `consumers:`. */

import type { Match } from './check.ts';

interface ConsumerBase {
  /** Unique; what logs and counters call it. */
  readonly name: string;
  /** Which instances it is told of. */
  readonly match: Match;
  /** Share of its weight that a sub-healthy instance keeps. */
  readonly subHealthyWeight: number;
}

export interface HaproxyAgentConfig extends ConsumerBase {
  readonly kind: 'haproxy-agent';
  readonly listen: { readonly host: string; readonly port: number };
  /** What a dead one is called: `drain` lets sessions that have begun there end. */
  readonly dead: 'down' | 'drain';
}

export interface NginxUpstreamsConfig extends ConsumerBase {
  readonly kind: 'nginx-upstreams';
  /** The file that nginx includes. Absolute. */
  readonly path: string;
  /** Name of the upstream of a service; `{registry}`, `{namespace}` and `{service}` are filled in. */
  readonly upstream: string;
  /** Lines that go into each upstream as they are, without their semicolon. */
  readonly directives: readonly string[];
  /** Words of a program, run without a shell after the file has changed; none: nobody is told. */
  readonly reload: readonly string[];
  /** Milliseconds between two reloads at least. */
  readonly reloadEvery: number;
}

export type ConsumerConfig = HaproxyAgentConfig | NginxUpstreamsConfig;
