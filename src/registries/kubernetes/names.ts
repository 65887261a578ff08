/** Labels, annotations and values in the cluster that have a meaning for sonde. */

import type { ServiceName } from '../../core/instance.ts';
import { ANNOTATIONS, type EndpointSlice } from './objects.ts';

/** The Service that an EndpointSlice belongs to (discovery.k8s.io/v1, LabelServiceName). */
const SERVICE_NAME = 'kubernetes.io/service-name';
/** Who writes an EndpointSlice (discovery.k8s.io/v1, LabelManagedBy). */
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
/** The value of `MANAGED_BY` by which somebody hands a slice to sonde. A label's value has no slash. */
const OURS = 'prober.sonde.io';

/** Annotation of a slice that was handed to sonde: the marks of its endpoints. */
export const MARKS = 'sonde.io/marks';
/** Who Events are from. */
export const CONTROLLER = 'sonde.io/prober';

/** Keys of the metadata that say where health is written: the Pod, or the slice that was handed to sonde. */
export const POD = 'pod';
export const SLICE = 'slice';

export function serviceOfSlice({ metadata }: EndpointSlice): ServiceName | undefined {
  const service = metadata.labels[SERVICE_NAME] ?? '';
  return service === '' ? undefined : { namespace: metadata.namespace, service };
}

export function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels[MANAGED_BY] === OURS;
}

/** Labels and our own annotations as metadata; labels that only say how a slice came about are left out. */
export function metadataOf(thing: {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(thing.labels))
    if (key !== SERVICE_NAME && key !== MANAGED_BY) metadata[key] = value;
  for (const [key, value] of Object.entries(thing.annotations))
    if (key !== MARKS) metadata[key.slice(ANNOTATIONS.length)] = value;
  delete metadata[POD];
  delete metadata[SLICE];
  return metadata;
}
