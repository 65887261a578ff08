/** What sonde reads of EndpointSlices and Pods, decoded; everything else of them is let go at once. Pure. */

import { z } from 'zod';

/** What Go leaves out or tells as null. */
const maybe = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);
const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);

/** Annotations of this prefix are ours; `sonde.io/KEY` becomes the metadata `KEY`. */
export const ANNOTATIONS = 'sonde.io/';

const metadata = z
  .object({
    namespace: z.string().min(1),
    name: z.string().min(1),
    uid: z.string().min(1),
    resourceVersion: z.string().min(1),
    labels: texts,
    annotations: texts,
    deletionTimestamp: maybe(z.string()),
  })
  .transform(({ annotations, ...rest }) => ({
    ...rest,
    /** Only our own of them: what other tools keep there may be larger than all the rest. */
    annotations: Object.fromEntries(
      Object.entries(annotations).filter(([key]) => key.startsWith(ANNOTATIONS)),
    ),
    annotated: Object.keys(annotations).length > 0,
  }));

const port = z.object({ name: maybe(z.string()), port: maybe(z.number()), protocol: maybe(z.string()) });

const conditions = z.object({
  ready: maybe(z.boolean()),
  serving: maybe(z.boolean()),
  terminating: maybe(z.boolean()),
});

const endpoint = z.object({
  addresses: z.array(z.string()).min(1),
  conditions: conditions.nullish().transform((value) => value ?? NO_CONDITIONS),
  hostname: maybe(z.string()),
  nodeName: maybe(z.string()),
  zone: maybe(z.string()),
  targetRef: maybe(
    z.object({
      kind: z.string().default(''),
      namespace: z.string().default(''),
      name: z.string().default(''),
      uid: z.string().default(''),
    }),
  ),
});

const NO_CONDITIONS = { ready: undefined, serving: undefined, terminating: undefined };

const endpointSlice = z
  .object({ metadata, addressType: z.string(), endpoints: list(endpoint), ports: list(port) })
  .transform((slice) => ({ kind: 'EndpointSlice' as const, ...slice }));

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
  lastTransitionTime: maybe(z.string()),
});

const container = z.object({
  ports: list(z.object({ name: maybe(z.string()), containerPort: z.number() })),
});

const pod = z
  .object({
    metadata,
    spec: z.object({
      nodeName: maybe(z.string()),
      readinessGates: list(z.object({ conditionType: z.string() })),
      containers: list(container),
      initContainers: list(container),
    }),
    status: z
      .object({ phase: z.string().default(''), podIP: maybe(z.string()), conditions: list(condition) })
      .prefault({}),
  })
  .transform(({ spec: { containers, initContainers, ...spec }, ...rest }) => {
    const ports = [...containers, ...initContainers].flatMap((one) => one.ports);
    return { kind: 'Pod' as const, ...rest, spec: { ...spec, ports } };
  });

export type EndpointSlice = z.output<typeof endpointSlice>;
export type Endpoint = EndpointSlice['endpoints'][number];
export type EndpointConditions = Endpoint['conditions'];
export type Pod = z.output<typeof pod>;
export type PodCondition = Pod['status']['conditions'][number];
/** An object of the cluster that is followed. */
export type Thing = EndpointSlice | Pod;

/** Undefined where it is not what it should be. */
export function decodeThing(kind: Thing['kind'], value: unknown): Thing | undefined {
  return kind === 'Pod' ? decodePod(value) : decodeSlice(value);
}

export function decodePod(value: unknown): Pod | undefined {
  return pod.safeParse(value).data;
}

export function decodeSlice(value: unknown): EndpointSlice | undefined {
  return endpointSlice.safeParse(value).data;
}

/** Unique among the objects of one kind: neither of the two has a slash. */
export function thingKey({ metadata: { namespace, name } }: Thing): string {
  return `${namespace}/${name}`;
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
