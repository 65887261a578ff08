/** The instances of a service in our words, made of its EndpointSlices and Pods. Pure. */

import type { Entry, ServiceName } from '../../core/instance.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { conditionTypeOf, standingCondition } from './condition.ts';
import { isOurs, metadataOf, POD, SLICE } from './names.ts';
import type { Endpoint, EndpointSlice, Pod } from './objects.ts';
import type { KubernetesOptions } from './options.ts';
import { portOf, portsAsMetadata } from './ports.ts';
import { standingEndpoint, storedMarks } from './slice-marks.ts';
import type { View } from './view.ts';

export interface Entries {
  readonly entries: readonly Entry[];
  /** Left out because no port of theirs is known. */
  readonly portless: number;
}

/** Undefined: there is no such service. */
export function entriesOf(view: View, service: ServiceName, options: KubernetesOptions): Entries | undefined {
  if (!view.has(service)) return undefined;
  const found =
    options.source === 'pods'
      ? view.pods(service).flatMap((pod) => entryOfPod(pod, service, options))
      : view.slices(service).flatMap((slice) => entriesOfSlice(slice, view, service, options));
  const known = found.filter((one) => one.entry !== undefined);
  // An endpoint may be in several slices (kubernetes#121231), a Pod have two addresses, an address be taken over.
  const byInstance = best(known, ({ identity }) => identity);
  const entries = best(byInstance, ({ entry }) => entry?.key ?? '').flatMap(({ entry }) => entry ?? []);
  return { entries, portless: found.length - known.length };
}

interface Candidate {
  /** Undefined: its port is not known. */
  readonly entry: Entry | undefined;
  /** UID of the Pod, or the address. */
  readonly identity: string;
  /** The highest of those with the same identity is taken. */
  readonly rank: number;
}

function entriesOfSlice(
  slice: EndpointSlice,
  view: View,
  { service }: ServiceName,
  options: KubernetesOptions,
): readonly Candidate[] {
  const port = portOf(slice.ports, options.port);
  const marks = isOurs(slice) ? storedMarks(slice) : undefined;
  const ofSlice = metadataOf(slice.metadata);
  const ports = portsAsMetadata(slice.ports);
  return slice.endpoints.map((endpoint): Candidate => {
    const host = endpoint.addresses[0] ?? '';
    const uid = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef.uid : '';
    const identity = uid === '' ? host : uid;
    if (port === undefined || host === '') return { entry: undefined, identity, rank: 0 };
    const pod = podOf(endpoint, slice, view);
    const key = formatHostPort(host, port);
    const state =
      marks !== undefined || pod === undefined
        ? stateOfEndpoint(endpoint, marks, key, options)
        : stateOfPod(pod, service, options);
    const draining =
      endpoint.conditions.terminating === true || pod?.metadata.deletionTimestamp !== undefined;
    const metadata = {
      ...ofSlice,
      ...(pod === undefined ? {} : metadataOf(pod.metadata)),
      ...ports,
      ...(endpoint.zone === undefined ? {} : { zone: endpoint.zone }),
      ...(endpoint.nodeName === undefined ? {} : { node: endpoint.nodeName }),
      ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
      ...(uid === '' ? {} : { [POD]: endpoint.targetRef?.name ?? '' }),
      ...(marks === undefined ? {} : { [SLICE]: slice.metadata.name }),
    };
    const entry = { key, incarnation: uid, revision: '', host, port, metadata, draining, ...state };
    return { entry, identity, rank: (draining ? 0 : 2) + (slice.addressType === 'IPv6' ? 0 : 1) };
  });
}

function entryOfPod(pod: Pod, { service }: ServiceName, options: KubernetesOptions): readonly Candidate[] {
  const { metadata, spec, status } = pod;
  const host = status.podIP;
  // Not started yet, or over: nothing that could be looked at.
  if (host === undefined || status.phase === 'Succeeded' || status.phase === 'Failed') return [];
  const named = spec.ports.map(({ name, containerPort }) => ({ name, port: containerPort }));
  const port = portOf(named, options.port);
  const draining = metadata.deletionTimestamp !== undefined;
  const entry: Entry | undefined =
    port === undefined
      ? undefined
      : {
          key: formatHostPort(host, port),
          incarnation: metadata.uid,
          revision: '',
          host,
          port,
          metadata: {
            ...metadataOf(metadata),
            ...portsAsMetadata(named),
            ...(spec.nodeName === undefined ? {} : { node: spec.nodeName }),
            [POD]: metadata.name,
          },
          draining,
          ...stateOfPod(pod, service, options),
        };
  return [{ entry, identity: metadata.uid, rank: draining ? 0 : 1 }];
}

type State = Pick<Entry, 'enabled' | 'mark'>;

/** Ready but for our own gate: what the kubelet and other gates say of it. */
function stateOfPod({ status, spec }: Pod, service: string, options: KubernetesOptions): State {
  const type = conditionTypeOf(options, service);
  const holds = (wanted: string): boolean =>
    status.conditions.some((one) => one.type === wanted && one.status === 'True');
  const others = spec.readinessGates.filter((gate) => gate.conditionType !== type);
  const enabled = holds('ContainersReady') && others.every((gate) => holds(gate.conditionType));
  const standing = standingCondition({ status }, type);
  const own = standing.service === undefined || standing.service === service;
  return { enabled, ...(standing.mark === undefined || !own ? {} : { mark: standing.mark }) };
}

function stateOfEndpoint(
  { conditions }: Endpoint,
  marks: ReadonlyMap<string, unknown> | undefined,
  key: string,
  options: KubernetesOptions,
): State {
  // A ready that is not given is to be read as true (discovery.k8s.io/v1, EndpointConditions).
  if (marks === undefined) return { enabled: conditions.ready !== false };
  const { mark, was } = standingEndpoint(marks.get(key), conditions, options);
  const own = mark === undefined || mark.intact ? was : conditions;
  return { enabled: own.ready !== false, ...(mark === undefined ? {} : { mark }) };
}

function podOf({ targetRef }: Endpoint, { metadata }: EndpointSlice, view: View): Pod | undefined {
  if (targetRef?.kind !== 'Pod') return undefined;
  const pod = view.pod(`${targetRef.namespace || metadata.namespace}/${targetRef.name}`);
  // Another Pod of the same name, as a StatefulSet has them, is none of this endpoint.
  return pod?.metadata.uid === targetRef.uid ? pod : undefined;
}

/** The highest in rank of those with the same key; the first of equals. */
function best(candidates: readonly Candidate[], keyOf: (one: Candidate) => string): readonly Candidate[] {
  const chosen = new Map<string, Candidate>();
  for (const one of candidates) {
    const before = chosen.get(keyOf(one));
    if (before === undefined || one.rank > before.rank) chosen.set(keyOf(one), one);
  }
  return [...chosen.values()];
}
