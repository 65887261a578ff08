/**
 * Target groups as Prometheus' file and HTTP service discovery have them, and the services that they mean. Pure.
 * Prometheus, docs/configuration: file_sd_config and http_sd_config.
 */

import { z } from 'zod';
import type { Entry, ServiceName } from '../../core/instance.ts';
import { parsePort } from '../../lib/host-port.ts';
import { duration } from '../../options/fields.ts';
import { LONGEST_POLL, type Services } from '../shared/polled.ts';
import { serviceKey } from '../shared/told.ts';

const label = z.string().min(1);

/** How target groups become services: options of both kinds. */
export const groupFields = {
  serviceLabel: label.default('job').meta({ description: 'Label that names the service' }),
  service: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Service of targets without that label; without it they are an error' }),
  namespaceLabel: label.default('namespace').meta({
    description: 'Label that names the namespace; targets without it are in the namespace default',
  }),
  port: z.number().int().min(1).max(65_535).optional().meta({
    description: 'Port of targets that name none; without it they are an error',
  }),
  poll: duration
    .refine((ms) => ms > 0 && ms <= LONGEST_POLL, 'must be from 1ms to 10s')
    .default(5_000)
    .meta({ description: 'How often it is asked, at most 10s' }),
} as const;

export interface Naming {
  readonly serviceLabel: string;
  readonly service?: string | undefined;
  readonly namespaceLabel: string;
  readonly port?: number | undefined;
}

const targetGroups = z.array(
  z.object({
    targets: z.array(z.string().min(1)),
    labels: z.record(z.string(), z.string()).default({}),
  }),
);

export type TargetGroups = z.output<typeof targetGroups>;

/** What is wrong with the groups, for people. */
export class GroupsError extends Error {}

/** Decodes what a file or an answer holds; throws `GroupsError` with the place. */
export function decodeGroups(value: unknown): TargetGroups {
  const decoded = targetGroups.safeParse(value);
  if (decoded.success) return decoded.data;
  const issue = decoded.error.issues[0];
  throw new GroupsError(`${placeOf(issue?.path ?? [])}: ${issue?.message ?? 'wrong'}`);
}

/** A target that stands in several groups of one service is one instance with the labels of all of them. */
export function servicesOf(groups: TargetGroups, naming: Naming): Services {
  const services = new Map<string, { readonly name: ServiceName; readonly entries: Map<string, Entry> }>();
  for (const [index, { targets, labels }] of groups.entries()) {
    const service = said(labels[naming.serviceLabel]) ?? naming.service;
    if (service === undefined)
      throw new GroupsError(
        `${placeOf([index])}: has no label ${naming.serviceLabel}, and no service is configured`,
      );
    const name = { namespace: said(labels[naming.namespaceLabel]) ?? 'default', service };
    const known = services.get(serviceKey(name)) ?? { name, entries: new Map<string, Entry>() };
    services.set(serviceKey(name), known);
    for (const [position, target] of targets.entries()) {
      const address = addressOf(target, naming.port);
      if (typeof address === 'string')
        throw new GroupsError(`${placeOf([index, 'targets', position])}: ${address}`);
      const metadata = { ...known.entries.get(target)?.metadata, ...labels, ...address.metadata };
      known.entries.set(target, entryOf(target, address, metadata));
    }
  }
  return [...services.values()].map(({ name, entries }) => ({ name, entries: [...entries.values()] }));
}

/** To Prometheus a label without text is a label that is not there. */
function said(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

interface TargetAddress {
  readonly host: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** `host:port`, `[v6]:port`, a host alone, or a URL as blackbox targets are; a text says what is wrong. */
function addressOf(target: string, defaultPort: number | undefined): TargetAddress | string {
  if (target.includes('://')) {
    if (!URL.canParse(target)) return `${JSON.stringify(target)} is no URL`;
    const { hostname, port, protocol, pathname } = new URL(target);
    const known = port === '' ? { 'http:': 80, 'https:': 443 }[protocol] : Number(port);
    if (hostname === '' || known === undefined) return `${JSON.stringify(target)} names no host and port`;
    const metadata = { scheme: protocol.slice(0, -1), path: pathname };
    return { host: unbracketed(hostname), port: known, metadata };
  }
  const [, host = '', port] = /^(\[[^\]]+\]|[^:[\]]+)(?::([0-9]+))?$/.exec(target) ?? [];
  if (host === '') return `${JSON.stringify(target)} is no host:port`;
  const known = port === undefined ? defaultPort : parsePort(port);
  if (known === undefined)
    return port === undefined
      ? `${JSON.stringify(target)} names no port, and no port is configured`
      : `${JSON.stringify(target)}: a port is from 1 to 65535`;
  return { host: unbracketed(host), port: known, metadata: {} };
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

function entryOf(
  key: string,
  { host, port }: TargetAddress,
  metadata: Readonly<Record<string, string>>,
): Entry {
  return { key, incarnation: '', revision: '', host, port, metadata, enabled: true, draining: false };
}

/** `group 3`, `group 3, targets.0`; counted from 1 for groups. */
function placeOf([index, ...rest]: readonly PropertyKey[]): string {
  const group = typeof index === 'number' ? `group ${index + 1}` : 'the list of groups';
  return rest.length === 0 ? group : `${group}, ${rest.map(String).join('.')}`;
}
