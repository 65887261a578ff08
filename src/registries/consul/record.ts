/** What an instance in Consul is: host, port and metadata, with the definition of its check where it has one. */

import type { Entry } from '../../core/instance.ts';
import { parsePort } from '../../lib/host-port.ts';
import { carriersOf, markOf } from './carrier.ts';
import { NODE_ID } from './nodes.ts';
import type { ConsulOptions } from './options.ts';
import type { Check, Found } from './wire.ts';

/** Unique within a service: an ID is so only on its node. */
export function keyOf({ Node, Service }: Found): string {
  return Service.ID === NODE_ID ? Node.Node : `${Node.Node}/${Service.ID}`;
}

/** The entry, or undefined where there is no port to be found. */
export function entryOf(found: Found, options: ConsulOptions): Entry | undefined {
  const { Node, Service, Checks } = found;
  const defined = definedCheck(found);
  const port = parsePort(String(Service.Port)) ?? parsePort(defined['consul.check.port'] ?? '');
  const host = Service.Address === '' ? Node.Address : Service.Address;
  if (port === undefined || host === '') return undefined;
  const incarnation = String(Service.CreateIndex);
  const carriers = carriersOf(found, options);
  const mark = markOf(carriers, incarnation);
  // Maintenance, an agent that is gone, the provider's own check: consumers do not see it any more.
  const ours = new Set(carriers.filter(({ stored }) => stored !== undefined).map(({ check }) => check));
  return {
    key: keyOf(found),
    incarnation,
    revision: String(Service.ModifyIndex),
    host,
    port,
    metadata: { ...Service.Meta, ...placeOf(found), ...defined },
    enabled: !Checks.some((check) => check.Status === 'critical' && !ours.has(check)),
    draining: false,
    weight: Service.Weights?.Passing ?? 1,
    ...(mark === undefined ? {} : { mark }),
  };
}

/** Names of metadata that registrants cannot give: Consul's own keys have no dots. */
function placeOf({ Node, Service }: Found): Record<string, string> {
  const { external, probe } = { external: Node.Meta['external-node'], probe: Node.Meta['external-probe'] };
  return {
    'consul.node': Node.Node,
    ...(Service.ID === NODE_ID ? {} : { 'consul.id': Service.ID }),
    ...(Node.Datacenter === '' ? {} : { 'consul.datacenter': Node.Datacenter }),
    ...(Service.Tags.length === 0 ? {} : { 'consul.tags': Service.Tags.join(',') }),
    ...(external === undefined ? {} : { 'consul.external-node': external }),
    ...(probe === undefined ? {} : { 'consul.external-probe': probe }),
  };
}

/** The first check by ID that says what to look at: HTTP before TCP before gRPC. */
function definedCheck({ Checks, Service }: Found): Record<string, string> {
  if (Service.ID === NODE_ID) return {};
  const own = Checks.filter(({ ServiceID }) => ServiceID === Service.ID).sort((a, b) =>
    a.CheckID < b.CheckID ? -1 : 1,
  );
  for (const kind of ['HTTP', 'TCP', 'GRPC'] as const) {
    const check = own.find(({ Definition }) => textOf(Definition[kind]) !== '');
    if (check !== undefined) return definitionOf(kind, check.Definition);
  }
  return {};
}

/** Headers and bodies are left out: they may hold secrets, and metadata is shown. */
function definitionOf(kind: 'HTTP' | 'TCP' | 'GRPC', given: Check['Definition']): Record<string, string> {
  const about: Record<string, string> = { 'consul.check.kind': kind.toLowerCase() };
  const put = (name: string, value: unknown): void => {
    const text = textOf(value);
    if (text !== '') about[`consul.check.${name}`] = text;
  };
  const target = textOf(given[kind]);
  if (kind === 'HTTP' && URL.canParse(target)) {
    const url = new URL(target);
    put('scheme', url.protocol.slice(0, -1));
    put('host', url.hostname.replace(/^\[|\]$/g, ''));
    put('port', url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port);
    put('path', url.pathname + url.search);
  } else {
    const [, host = '', port = '', path = ''] = /^\[?(.*?)\]?:([0-9]+)(?:\/(.*))?$/.exec(target) ?? [];
    put('host', host);
    put('port', port);
    put('service', path);
  }
  put('method', given.Method);
  put('server-name', given.TLSServerName);
  if (given.TLSSkipVerify === true) put('insecure', 'true');
  if (given.TCPUseTLS === true || given.GRPCUseTLS === true) put('tls', 'true');
  put('interval', given.Interval);
  put('timeout', given.Timeout);
  put('deregister-after', given.DeregisterCriticalServiceAfter);
  return about;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
