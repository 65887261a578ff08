/** Writes health into the endpoints of a slice that was handed to sonde: all requests for it at once, onto what was read. */

import type { Receipt, WriteRequest } from '../../core/registry.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { decide } from '../shared/mark.ts';
import { objectPath } from './api.ts';
import { isOurs, MARKS } from './names.ts';
import type { EndpointSlice } from './objects.ts';
import type { WriterDeps } from './pod-writer.ts';
import { portOf } from './ports.ts';
import { conditionsFor, type StoredMark, same, standingEndpoint, storedMarks } from './slice-marks.ts';

/** Against a registrar that keeps changing the slice. */
const TRIES = 5;

interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

interface Plan {
  readonly receipts: readonly Receipt[];
  /** Empty: nothing is to be written. */
  readonly operations: readonly PatchOperation[];
  /** Of which the health changes. */
  readonly transitions: readonly WriteRequest[];
}

/** `requests` are all about endpoints of that slice. */
export async function writeSlice(
  requests: readonly WriteRequest[],
  namespace: string,
  name: string,
  deps: WriterDeps,
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  const all = (kind: Receipt['kind'], detail?: string): readonly Receipt[] =>
    requests.map(({ instance: { id } }) => ({
      instance: id,
      kind,
      ...(detail === undefined ? {} : { detail }),
    }));
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const slice = await deps.api.getSlice(namespace, name, signal);
    if (slice === undefined) return all('gone');
    if (!isOurs(slice)) return all('refused', `the slice ${name} is no longer handed to sonde`);
    const plan = planFor(requests, slice, deps);
    if (plan.operations.length === 0) return plan.receipts;
    const path = objectPath('EndpointSlice', namespace, name);
    const { uid, resourceVersion } = slice.metadata;
    const patch = [
      { op: 'test', path: '/metadata/uid', value: uid },
      // A version in the body is a precondition: 409 where it is another by now.
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      ...plan.operations,
    ];
    const outcome = await deps.api.patch(path, 'application/json-patch+json', patch, signal);
    if (outcome === 'gone') return all('gone');
    if (outcome === 'conflict') continue;
    for (const { instance, desired, writer } of plan.transitions) {
      if (desired.kind === 'release') continue;
      const note = `${instance.service} at ${instance.key} is ${desired.health}: ${desired.reason}`;
      deps.events?.tell({ about: slice, health: desired.health, note, writer });
    }
    return plan.receipts;
  }
  return all('refused', `the slice ${name} changed ${TRIES} times while it was being written`);
}

function planFor(requests: readonly WriteRequest[], slice: EndpointSlice, { options }: WriterDeps): Plan {
  const stored = storedMarks(slice);
  const places = placesIn(slice, portOf(slice.ports, options.port));
  // Marks of endpoints that have left go with this write.
  const marks = new Map([...stored].filter(([key]) => places.has(key)));
  const operations: PatchOperation[] = [];
  const transitions: WriteRequest[] = [];
  const receipts = requests.map((request): Receipt => {
    const { id, key, incarnation } = request.instance;
    const place = places.get(key);
    if (place === undefined || place.uid !== incarnation) return { instance: id, kind: 'gone' };
    const standing = standingEndpoint(stored.get(key), place.conditions, options);
    const decision = decide(request, { mark: standing.mark, ownWeight: undefined }, undefined);
    if (decision.kind === 'receipt') {
      const detail = decision.detail === undefined ? {} : { detail: decision.detail };
      return { instance: id, kind: decision.receipt, ...detail };
    }
    // Somebody's own conditions, where an operator says that they are to be overwritten, are not what is restored later.
    const { was } = standing;
    const wanted = decision.mark === undefined ? was : conditionsFor(decision.mark.health, was, options);
    if (!same(wanted, place.conditions))
      operations.push({ op: 'add', path: `/endpoints/${place.index}/conditions`, value: wanted });
    if (decision.mark === undefined) marks.delete(key);
    else marks.set(key, { mark: decision.mark, was } satisfies StoredMark);
    if (standing.mark?.health !== decision.mark?.health) transitions.push(request);
    return { instance: id, kind: 'written' };
  });
  if (receipts.some(({ kind }) => kind === 'written')) operations.push(...annotation(slice, marks));
  return { receipts, operations, transitions };
}

interface Place {
  readonly index: number;
  /** Of the Pod behind it, else empty. */
  readonly uid: string;
  readonly conditions: EndpointSlice['endpoints'][number]['conditions'];
}

function placesIn({ endpoints }: EndpointSlice, port: number | undefined): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  for (const [index, { addresses, conditions, targetRef }] of endpoints.entries()) {
    const key = port === undefined ? undefined : formatHostPort(addresses[0] ?? '', port);
    const uid = targetRef?.kind === 'Pod' ? targetRef.uid : '';
    if (key !== undefined && !places.has(key)) places.set(key, { index, uid, conditions });
  }
  return places;
}

function annotation(slice: EndpointSlice, marks: ReadonlyMap<string, unknown>): readonly PatchOperation[] {
  const { annotations, annotated } = slice.metadata;
  // Escaped as RFC 6901 says: ~1 is a slash.
  const path = `/metadata/annotations/${MARKS.replace('/', '~1')}`;
  if (marks.size === 0) return annotations[MARKS] === undefined ? [] : [{ op: 'remove', path }];
  const value = JSON.stringify(Object.fromEntries(marks));
  if (!annotated) return [{ op: 'add', path: '/metadata/annotations', value: { [MARKS]: value } }];
  return [{ op: 'add', path, value }];
}
