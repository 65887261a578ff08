/** Finds the one instance that a person names, by its id or by host:port. */

import type { InstanceView } from '../core/view.ts';
import { parsePort } from '../lib/host-port.ts';
import { printable } from '../lib/text-width.ts';
import type { Client, Fetched } from './client.ts';
import type { Io } from './io.ts';
import { addressOf } from './listing.ts';
import { complain, giveUp } from './tell.ts';

/** Undefined where it is not one; that was told: 1 there is none, 2 there are several, 4 nobody answered. */
export async function findInstance(name: string, client: Client, io: Io): Promise<InstanceView | undefined> {
  const found = await candidates(name, client, io.signal);
  if (found.kind === 'failed') {
    giveUp(io, found);
    return undefined;
  }
  const [first, ...more] = found.value;
  if (first === undefined) {
    complain(io, `there is no instance ${name} (sonde get instances -q ${name})`);
    io.exit(1);
    return undefined;
  }
  if (more.length === 0) return first;
  complain(io, `${name} is ${found.value.length} instances, name one by its id:`);
  for (const { id, registry, namespace, service } of found.value)
    io.err.write(printable(`  ${id}  ${registry}/${namespace}/${service}`).concat('\n'));
  io.exit(2);
  return undefined;
}

async function candidates(
  name: string,
  client: Client,
  signal: AbortSignal,
): Promise<Fetched<readonly InstanceView[]>> {
  if (!isAddress(name)) {
    const one = await client.get<InstanceView>(instancePath(name), signal);
    if (one.kind === 'failed') return one.status === 404 ? { kind: 'ok', value: [] } : one;
    return { kind: 'ok', value: [one.value] };
  }
  const like = await client.list<InstanceView>('/v1/instances', { q: name }, signal);
  if (like.kind === 'failed') return like;
  return { kind: 'ok', value: like.value.filter((instance) => addressOf(instance) === name) };
}

/** Path of an instance in the API, with what is asked of it behind. */
export function instancePath(id: string, what = ''): string {
  return `/v1/instances/${encodeURIComponent(id)}${what}`;
}

function isAddress(name: string): boolean {
  return parsePort(/:([0-9]+)$/.exec(name)?.[1] ?? '') !== undefined;
}
