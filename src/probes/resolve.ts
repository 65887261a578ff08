/** From the host of an instance to the address to connect to, within the networks that its registry may point us at. */

import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import pLimit from 'p-limit';
import type { Clock } from '../core/clock.ts';
import type { Family, Resolve, ResolvedAddress } from '../core/probe.ts';
import { networkTest } from '../lib/network.ts';
import { codeOf, fail, messageOf, skip } from './cause.ts';

export interface Networks {
  /** Undefined: all but the refused by default. */
  readonly allow?: readonly string[];
  readonly deny: readonly string[];
}

interface Address {
  readonly address: string;
  readonly family: number;
}

/** The system's resolver, so that hosts file, search domains and nsswitch hold as for every other program. */
type Lookup = (host: string) => Promise<readonly Address[]>;

export interface ResolverDeps {
  readonly clock: Clock;
  /** By name of the registry. */
  readonly networks: ReadonlyMap<string, Networks>;
  readonly lookup?: Lookup;
}

/**
 * Whoever may register must not be able to point us at what only this machine can reach: link-local, the metadata services
 * of clouds, unspecified and multicast addresses.
 */
const REFUSED = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '100.100.100.200/32',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  // The same link-local addresses behind a NAT64 gateway (RFC 6052).
  '64:ff9b::a9fe:0/112',
  'fe80::/10',
  'fd00:ec2::254/128',
  'ff00::/8',
];

/** getaddrinfo blocks one of libuv's four threads; the last one stays free for files. */
const LOOKUPS = 3;
/** Milliseconds for which an answer is believed. */
const KEEP = 5_000;
const KEEP_FAILURE = 1_000;

type Answer = { readonly addresses: readonly Address[] } | { readonly error: unknown };

const lookupAll: Lookup = (host) => systemLookup(host, { all: true, order: 'verbatim' });

export function createResolver(deps: ResolverDeps): Resolve {
  const refused = networkTest(REFUSED);
  const rules = new Map(
    [...deps.networks].map(([registry, { allow, deny }]) => [
      registry,
      { allowed: allow === undefined ? undefined : networkTest(allow), denied: networkTest(deny) },
    ]),
  );
  const names = new Names(deps.clock, deps.lookup ?? lookupAll);

  const permitted = (registry: string, address: string): boolean => {
    const rule = rules.get(registry);
    if (rule?.denied(address) === true) return false;
    return rule?.allowed === undefined ? !refused(address) : rule.allowed(address);
  };

  return async (instance, host, family, signal): Promise<ResolvedAddress> => {
    const started = deps.clock.now();
    const literal = isIP(host);
    const answer: Answer | undefined =
      literal === 0 ? await names.find(host, signal) : { addresses: [{ address: host, family: literal }] };
    if (answer === undefined)
      return { kind: 'outcome', outcome: skip('dns-no-answer', `no answer for ${host} in time`) };
    if ('error' in answer) return { kind: 'outcome', outcome: nameFailure(host, answer.error) };
    // An instance that was registered by address has no other family to choose.
    const found = answer.addresses.find((one) => literal !== 0 || family === 'any' || one.family === family);
    if (found === undefined) return { kind: 'outcome', outcome: noFamily(host, family) };
    if (!permitted(instance.registry, found.address)) {
      const detail = `${found.address} is not in the networks that registry ${instance.registry} may name`;
      return { kind: 'outcome', outcome: skip('address-refused', detail) };
    }
    const duration = deps.clock.now() - started;
    return { kind: 'address', address: found.address, family: found.family === 6 ? 6 : 4, duration };
  };
}

function noFamily(host: string, family: Family) {
  return fail('dns-no-such-name', `${host} has no IPv${family} address`);
}

/** A name that does not exist is the target's fault; a resolver that does not answer is ours. */
function nameFailure(host: string, error: unknown) {
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'ENODATA')
    return fail('dns-no-such-name', `${host} does not exist (${code})`);
  return skip('dns-no-answer', `${host}: ${messageOf(error)}`);
}

/** Look-ups of names: one at a time for each name, few at once, remembered for a moment. */
class Names {
  readonly #clock: Clock;
  readonly #lookup: Lookup;
  readonly #limit = pLimit(LOOKUPS);
  readonly #known = new Map<string, { readonly answer: Promise<Answer>; until: number }>();
  #sweepAt = 0;

  constructor(clock: Clock, lookup: Lookup) {
    this.#clock = clock;
    this.#lookup = lookup;
  }

  /** Undefined when the signal came first; the look-up goes on for the next one who asks. */
  find(host: string, signal: AbortSignal): Promise<Answer | undefined> {
    const known = this.#known.get(host);
    const answer = known !== undefined && this.#clock.now() < known.until ? known.answer : this.#ask(host);
    return orAborted(answer, signal);
  }

  #ask(host: string): Promise<Answer> {
    const entry = {
      until: Number.POSITIVE_INFINITY,
      answer: this.#limit(() => this.#lookup(host)).then(
        (addresses): Answer => {
          entry.until = this.#clock.now() + KEEP;
          return { addresses };
        },
        (error: unknown): Answer => {
          entry.until = this.#clock.now() + KEEP_FAILURE;
          return { error };
        },
      ),
    };
    this.#forgetOld();
    this.#known.set(host, entry);
    return entry.answer;
  }

  /** Once in a while, not for every name: there may be very many. */
  #forgetOld(): void {
    const now = this.#clock.now();
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + KEEP;
    for (const [host, { until }] of this.#known) if (until <= now) this.#known.delete(host);
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = (): void => resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
