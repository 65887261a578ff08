/** The marks of a status file beside the providers they are of: what they say, and what requests make of them. Pure. */

import type { FoundMark, ServiceName } from '../../core/instance.ts';
import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { decide, readMark, type WeightScale } from '../shared/mark.ts';
import type { Provider, ProviderService } from './providers.ts';
import type { StatusEntry, StatusFile } from './status-file.ts';

/** `NAMESPACE/SERVICE/ID`; only the id may have slashes. */
export function statusKey({ namespace, service }: ServiceName, key: string): string {
  return `${namespace}/${service}/${key}`;
}

/**
 * The mark to tell of a provider. One that was made from another weight than the provider has now is none: the provider
 * registered anew, and what is scaled from its old weight must be written again.
 */
export function markToTell(stored: unknown, provider: Provider): FoundMark | undefined {
  const mark = storedMark(stored);
  const scaledFrom = mark?.intact ? mark.original.weight : undefined;
  return scaledFrom === undefined || scaledFrom === provider.weight ? mark : undefined;
}

/** The scaled weight stands beside its mark. */
function storedMark(stored: unknown): FoundMark | undefined {
  const { weight } = (stored ?? {}) as Partial<StatusEntry>;
  return readMark(stored, weight);
}

export interface Applied {
  readonly receipts: readonly Receipt[];
  /** Undefined where nothing is to be written. */
  readonly status: StatusFile | undefined;
}

/** What was said of instances that are gone goes with the next write. */
export function applyRequests(
  requests: readonly WriteRequest[],
  services: readonly ProviderService[],
  before: StatusFile,
  scale: WeightScale,
): Applied {
  const providers = new Map(
    services.flatMap(({ namespace, name, instances }) =>
      [...instances].map(
        ([key, provider]) => [statusKey({ namespace, service: name }, key), provider] as const,
      ),
    ),
  );
  const entries = new Map(Object.entries(before.instances).filter(([key]) => providers.has(key)));
  let writer: string | undefined;
  const receipts = requests.map((request): Receipt => {
    const { id } = request.instance;
    const key = statusKey(request.instance, request.instance.key);
    const provider = providers.get(key);
    if (provider === undefined) return { instance: id, kind: 'gone' };
    const standing = { mark: storedMark(entries.get(key)), ownWeight: provider.weight };
    const decision = decide(request, standing, scale);
    if (decision.kind === 'receipt') {
      const detail = decision.detail === undefined ? {} : { detail: decision.detail };
      return { instance: id, kind: decision.receipt, ...detail };
    }
    const { mark, weight } = decision;
    const scaled = mark?.original.weight === undefined || weight === undefined ? {} : { weight };
    if (mark === undefined) entries.delete(key);
    else entries.set(key, { ...mark, ...scaled } satisfies StatusEntry);
    writer = request.writer;
    return { instance: id, kind: 'written' };
  });
  if (writer === undefined) return { receipts, status: undefined };
  return { receipts, status: { ...before, writer, instances: Object.fromEntries(entries) } };
}
