/** The options of the registry `kubernetes`; without any it uses the ServiceAccount of the Pod it runs in. */

import { z } from 'zod';
import { duration, filePath } from '../../options/fields.ts';

const server = z
  .url({ protocol: /^https?$/, error: 'not a URL: write it as https://10.0.0.1:6443' })
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'a user belongs into a kubeconfig');

/** RFC 1123 label, as the apiserver wants names of namespaces to be. */
const namespace = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not the name of a namespace');

/** A label key with a domain; `{service}` stands for the name of the Service. */
const conditionType = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9{]([-A-Za-z0-9_.{}]*[A-Za-z0-9}])?$/,
    'not a condition type; write it as in example.com/healthy',
  );

export const kubernetesOptions = z
  .strictObject({
    kubeconfig: filePath.optional().meta({
      description: 'A kubeconfig file, outside of a cluster; without it the ServiceAccount is used',
    }),
    context: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Of the kubeconfig; default: its current one' }),
    server: server.optional().meta({ description: 'URL of the apiserver; default: the one of the cluster' }),
    tokenFile: filePath.optional().meta({
      description: 'File with a bearer token, read again as it rotates; default: the ServiceAccount’s',
    }),
    tls: z
      .strictObject({
        caFile: filePath.optional().meta({ description: 'Default: the ServiceAccount’s' }),
        insecure: z.boolean().default(false).meta({ description: 'Do not verify the certificate' }),
      })
      .prefault({}),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without verified TLS' }),
    source: z
      .enum(['endpoint-slices', 'pods'])
      .default('endpoint-slices')
      .meta({ description: 'What the instances are: endpoints of Services, or Pods by their labels' }),
    namespaces: z
      .array(namespace)
      .min(1)
      .optional()
      .meta({ description: 'Only these, each asked for by itself; default: all at once' }),
    selector: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Label selector for EndpointSlices, or for Pods where those are the source' }),
    pods: z
      .boolean()
      .default(true)
      .meta({ description: 'Follow the Pods behind EndpointSlices: needed for readiness gates' }),
    podSelector: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Label selector for the Pods behind EndpointSlices' }),
    serviceLabel: z
      .string()
      .min(1)
      .default('app.kubernetes.io/name')
      .meta({ description: 'Label of a Pod that names its service, where Pods are the source' }),
    port: z
      .union([z.string().min(1), z.number().int().min(1).max(65_535)])
      .optional()
      .meta({ description: 'Name of the port that is looked at, or its number; default: the first' }),
    conditionType: conditionType
      .default('sonde.io/healthy')
      .meta({ description: 'Condition written to Pods with such a readiness gate; may contain {service}' }),
    subHealthy: z
      .enum(['ready', 'not-ready'])
      .default('ready')
      .meta({ description: 'Whether a sub-healthy instance still gets traffic' }),
    events: z.boolean().default(true).meta({ description: 'Tell transitions as Kubernetes Events, too' }),
    timeout: duration
      .refine((ms) => ms > 0, 'must be more than nothing')
      .default(5_000)
      .meta({ description: 'For each call' }),
  })
  .superRefine((options, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    const { kubeconfig, tokenFile, tls } = options;
    if (kubeconfig === undefined) {
      if (options.context !== undefined) wrong('context', 'needs kubeconfig');
      const plain = tls.insecure || options.server?.startsWith('http:') === true;
      if (plain && !options.insecure)
        wrong('server', 'the token is sent only over verified TLS: use an https URL, or insecure: true');
    } else {
      if (options.server !== undefined) wrong('server', 'stands in the kubeconfig');
      if (tokenFile !== undefined) wrong('tokenFile', 'stands in the kubeconfig');
      if (tls.caFile !== undefined) wrong('tls.caFile', 'stands in the kubeconfig');
    }
    if (options.source === 'pods' && options.podSelector !== undefined)
      wrong('podSelector', 'is selector where Pods are the source');
    if (options.source === 'pods' && !options.pods) wrong('pods', 'they are the source');
  });

export type KubernetesOptions = z.output<typeof kubernetesOptions>;
