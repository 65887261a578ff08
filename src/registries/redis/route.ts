/** Which server has which key: what a standalone server, Sentinels and a cluster say of it. */

import { formatHostPort } from '../../lib/host-port.ts';
import type { Connection } from './connection.ts';
import { protocolError } from './failure.ts';
import type { Address } from './options.ts';
import { SLOTS, slotOf } from './slot.ts';

export interface Route {
  /** All servers that have keys of their own. */
  readonly masters: readonly Address[];
  ownerOf(key: string): Address;
  /** Differs when a key may have moved. */
  readonly text: string;
}

export function singleRoute(address: Address): Route {
  return { masters: [address], ownerOf: () => address, text: addressText(address) };
}

export function addressText({ host, port }: Address): string {
  return formatHostPort(host, port);
}

/** The cluster as one of its nodes knows it. Throws `RegistryError` where slots are without a server. */
export async function clusterRoute(
  node: Connection,
  asked: Address,
  registry: string,
  signal: AbortSignal,
): Promise<Route> {
  const answer = await node.send(['CLUSTER', 'SLOTS'], signal);
  const wrong = (what: string): Error => protocolError(registry, node.where, `CLUSTER SLOTS: ${what}`);
  if (!Array.isArray(answer)) throw wrong('no list');
  const owners: (Address | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  const masters = new Map<string, Address>();
  for (const range of answer as unknown[]) {
    const [from, to, master] = Array.isArray(range) ? (range as unknown[]) : [];
    const [host, port] = Array.isArray(master) ? (master as unknown[]) : [];
    if (!isSlot(from) || !isSlot(to) || typeof port !== 'number') throw wrong('not a range of slots');
    // A node that does not know its own address leaves it empty: it is the one that was asked.
    const known = typeof host === 'string' && host !== '' && host !== '?';
    const address = { host: known ? host : asked.host, port };
    const text = addressText(address);
    masters.set(text, masters.get(text) ?? address);
    owners.fill(masters.get(text), from, to + 1);
  }
  const without = owners.filter((owner) => owner === undefined).length;
  if (without > 0) throw wrong(`${without} slots are served by nobody`);
  return {
    masters: [...masters.values()],
    ownerOf: (key) => owners[slotOf(key)] ?? asked,
    text: JSON.stringify(answer),
  };
}

function isSlot(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < SLOTS;
}

/** The master as that Sentinel knows it, or undefined. */
export async function masterBySentinel(
  sentinel: Connection,
  masterName: string,
  signal: AbortSignal,
): Promise<Address | undefined> {
  const answer = await sentinel.send(['SENTINEL', 'get-master-addr-by-name', masterName], signal);
  const [host, port] = Array.isArray(answer) ? (answer as unknown[]) : [];
  if (typeof host !== 'string' || typeof port !== 'string') return undefined;
  return { host, port: Number(port) };
}

/** `MOVED 3999 127.0.0.1:6381` and `ASK …`: where to ask instead. `asked` stands in for an empty host. */
export function redirection(message: string, asked: string): Address | undefined {
  const [kind, , to = ''] = message.split(' ');
  if (kind !== 'MOVED' && kind !== 'ASK') return undefined;
  const colon = to.lastIndexOf(':');
  const host = to.slice(0, colon) === '' ? asked.slice(0, asked.lastIndexOf(':')) : to.slice(0, colon);
  const port = Number(to.slice(colon + 1));
  return Number.isInteger(port) && port > 0 ? { host: host.replace(/^\[|\]$/g, ''), port } : undefined;
}
