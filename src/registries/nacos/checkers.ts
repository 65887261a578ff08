/**
 * The own checker of a cluster of persistent instances: health can be written only where it is NONE. It is switched off
 * where the options say so, remembered in the metadata of the cluster, and restored with the last release.
 */

import { z } from 'zod';
import type { Checker, ClusterPlace, Host, NacosApi } from './api.ts';
import { parseJson } from './session.ts';

const remembered = z.object({
  healthChecker: z.record(z.string(), z.unknown()),
  checkPort: z.number(),
  useInstancePort: z.boolean(),
});

const keyOf = (markKey: string): string => `${markKey}.checker`;

/** Undefined: health can be written; otherwise why not. */
export async function switchedOff(
  api: NacosApi,
  place: ClusterPlace,
  { checker: wanted, markKey }: { readonly checker: 'keep' | 'none'; readonly markKey: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const checker = await api.checker(place, signal);
  if (checker === undefined) return undefined;
  const type = typeof checker.healthChecker.type === 'string' ? checker.healthChecker.type : 'unknown';
  if (type.toUpperCase() === 'NONE') return undefined;
  if (wanted === 'keep')
    return `Nacos checks the cluster ${place.cluster} itself (${type}): its health cannot be written unless \`checker: none\` switches that off`;
  const { healthChecker, checkPort, useInstancePort, metadata } = checker;
  const original = JSON.stringify({ healthChecker, checkPort, useInstancePort });
  await api.setChecker(
    place,
    { ...checker, healthChecker: { type: 'NONE' }, metadata: { ...metadata, [keyOf(markKey)]: original } },
    signal,
  );
  return undefined;
}

/** Gives the cluster its own checker back, if sonde took it and no instance there has a mark any more. */
export async function restoreChecker(
  api: NacosApi,
  place: ClusterPlace,
  hosts: readonly Host[],
  markKey: string,
  signal: AbortSignal,
): Promise<void> {
  if (hosts.some(({ metadata }) => (metadata[markKey] ?? '') !== '')) return;
  const checker: Checker | undefined = await api.checker(place, signal);
  const text = checker?.metadata[keyOf(markKey)];
  if (checker === undefined || text === undefined) return;
  const original = remembered.safeParse(parseJson(text));
  const { [keyOf(markKey)]: _, ...metadata } = checker.metadata;
  await api.setChecker(
    place,
    original.success ? { ...original.data, metadata } : { ...checker, metadata },
    signal,
  );
}
