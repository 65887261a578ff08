/** The checks in Consul that carry a mark: one of sonde's own, or those defined for an external node. Pure. */

import { z } from 'zod';
import type { WritableHealth } from '../../core/health.ts';
import type { FoundMark } from '../../core/instance.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import { NODE_CHECK, NODE_ID } from './nodes.ts';
import type { ConsulOptions } from './options.ts';
import type { Check, CheckOperation, Found } from './wire.ts';

/** Beside the mark: what was written as status, of which life of the instance it is, and what was replaced. */
const storedFields = z.looseObject({
  status: z.string().optional(),
  incarnation: z.string().optional(),
  was: z.object({ status: z.string(), output: z.string() }).optional(),
});

interface Stored {
  readonly status: string | undefined;
  readonly incarnation: string | undefined;
  readonly was: { readonly status: string; readonly output: string } | undefined;
  readonly mark: FoundMark;
  /** The mark as it was stored, to be stored again. */
  readonly record: MarkRecord;
}

export interface Carrier {
  readonly kind: 'own' | 'adopted';
  readonly check: Check | undefined;
  /** What sonde wrote there, if it did. */
  readonly stored: Stored | undefined;
}

/** Of what an output says longer ones are cut, in characters: Consul's own checks keep 4 KB. */
const LONGEST_OUTPUT = 4_096;

/** What a transaction knows of a check: it refuses what else a listing has (Interval, Timeout). */
const SENT = new Set([
  'Name',
  'Status',
  'Notes',
  'Output',
  'ServiceID',
  'ServiceName',
  'ServiceTags',
  'Type',
  'ExposedPort',
  'Definition',
  'Namespace',
  'Partition',
  'PeerName',
]);

/** What a transaction writes back of a definition; what is beside it would be lost (agent/txn_endpoint.go). */
const CARRIED = new Set([
  'HTTP',
  'TLSServerName',
  'TLSSkipVerify',
  'Header',
  'Method',
  'Body',
  'TCP',
  'TCPUseTLS',
  'GRPC',
  'GRPCUseTLS',
  'OSService',
  'Interval',
  'Timeout',
  'DeregisterCriticalServiceAfter',
]);

export const OWN_NAME = 'sonde';
export const OWN_NOTES = 'Written by sonde, which looks at the service from outside';

export function ownCheckId(serviceId: string): string {
  return serviceId === NODE_ID ? NODE_CHECK : `sonde:${serviceId}`;
}

/** Where health of this instance stands, or shall stand. */
export function carriersOf(found: Found, options: ConsulOptions): readonly Carrier[] {
  const adopted = adoptable(found, options);
  if (adopted.length > 0)
    return adopted.map((check) => ({ kind: 'adopted', check, stored: readAdopted(check) }));
  return [ownCarrier(found)];
}

/** Checks with a mark that are no carriers (any more): what they say is taken back. */
export function straysOf(found: Found, options: ConsulOptions): readonly Carrier[] {
  if (found.Service.ID === NODE_ID) return [];
  const carriers = carriersOf(found, options);
  const wanted = new Set(carriers.map(({ check }) => check?.CheckID));
  const own = ownCarrier(found);
  const others = found.Checks.filter(
    ({ CheckID, ServiceID }) => ServiceID === found.Service.ID && CheckID !== own.check?.CheckID,
  ).map((check): Carrier => ({ kind: 'adopted', check, stored: readAdopted(check) }));
  return [own, ...others].filter(({ check, stored }) => stored !== undefined && !wanted.has(check?.CheckID));
}

function ownCarrier({ Checks, Service }: Found): Carrier {
  const check = Checks.find(({ CheckID }) => CheckID === ownCheckId(Service.ID));
  if (Service.ID === NODE_ID && check !== undefined) {
    // What consul-esm left is taken over; what sonde made where there was none goes again.
    const stored = readAdopted(check);
    const made = stored !== undefined && stored.was === undefined;
    return { kind: made ? 'own' : 'adopted', check, stored };
  }
  return { kind: 'own', check, stored: check === undefined ? undefined : readOwn(check) };
}

/** The node has an agent, which owns its checks: it removes from the catalog those that it does not know. */
export function hasAgent({ Checks }: Found): boolean {
  return Checks.some(({ CheckID }) => CheckID === 'serfHealth');
}

function adoptable(found: Found, options: ConsulOptions): readonly Check[] {
  if (found.Service.ID === NODE_ID || options.externalChecks === 'own' || hasAgent(found)) return [];
  const { Node, Service, Checks } = found;
  const external = Object.entries(options.externalNodeMeta).every(([key, value]) => Node.Meta[key] === value);
  if (!external) return [];
  return Checks.filter(
    ({ ServiceID, Definition }) =>
      ServiceID === Service.ID &&
      ['HTTP', 'TCP', 'GRPC'].some((kind) => typeof Definition[kind] === 'string'),
  );
}

/** Why a check cannot be written without loss, or undefined. */
export function unwritable({ Definition }: Check): string | undefined {
  const lost = Object.keys(Definition).filter((key) => !CARRIED.has(key));
  return lost.length === 0 ? undefined : `a transaction would lose ${lost.join(', ')} of its definition`;
}

function readAdopted(check: Check): Stored | undefined {
  const stored = jsonIn(check);
  return stored === undefined ? undefined : read(stored, check);
}

/** Whatever has our ID and says something else is somebody's, like a damaged mark; it says nothing while it is made. */
export function readOwn(check: Check): Stored | undefined {
  return check.Output === '' ? undefined : read(jsonIn(check) ?? {}, check);
}

/** In the last line of the output, because status and output are written together everywhere. */
function jsonIn({ Output }: Check): unknown {
  const last = Output.slice(Output.lastIndexOf('\n') + 1);
  return parseJson(/^sonde (\{.*\})$/.exec(last)?.[1]);
}

function read(value: unknown, check: Check): Stored | undefined {
  const mark = readMark(value, undefined);
  if (mark === undefined) return undefined;
  const { status, incarnation, was, ...record } = storedFields.safeParse(value).data ?? {};
  const intact = mark.intact && status === check.Status;
  // Only of an intact mark the record is used again.
  return { status, incarnation, was, mark: { ...mark, intact }, record: record as unknown as MarkRecord };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** The mark of a carrier, if it is of this life of the instance. */
export function ofLife({ stored }: Carrier, incarnation: string): FoundMark | undefined {
  if (stored === undefined) return undefined;
  const other = stored.incarnation !== undefined && stored.incarnation !== incarnation;
  return other ? undefined : stored.mark;
}

/** The mark of an instance; undefined where one of its carriers has none, or they say different things. */
export function markOf(carriers: readonly Carrier[], incarnation: string): FoundMark | undefined {
  const marks = carriers.map((carrier) => {
    const mark = ofLife(carrier, incarnation);
    const was = carrier.stored?.was;
    return mark === undefined || was === undefined ? mark : { ...mark, original: { status: was.status } };
  });
  const edited = marks.find((mark) => mark?.intact === false);
  if (edited !== undefined) return edited;
  const [first] = marks;
  const same = marks.every(
    (mark) => mark !== undefined && mark.health === first?.health && mark.reason === first.reason,
  );
  return same ? first : undefined;
}

export function statusOf(health: WritableHealth, options: ConsulOptions): string {
  switch (health) {
    case 'healthy':
      return 'passing';
    case 'sub-healthy':
      return options.subHealthyAs;
    case 'dead':
      return 'critical';
    default:
      return health satisfies never;
  }
}

/** The operation that puts this mark there. */
export function storing(
  { kind, check, stored }: Carrier,
  mark: MarkRecord,
  { Node, Service }: Found,
  namespace: string,
  options: ConsulOptions,
): CheckOperation {
  const status = statusOf(mark.health, options);
  const incarnation = String(Service.CreateIndex);
  if (kind === 'adopted' && check !== undefined) {
    // Always what the provider had, never what sonde made of it before.
    const was = stored?.was ?? { status: check.Status, output: check.Output.slice(0, LONGEST_OUTPUT) };
    const output = outputOf(mark, { status, incarnation, was });
    return { Verb: 'cas', Check: { ...sent(check), Status: status, Output: output } };
  }
  return {
    Verb: 'cas',
    Check: {
      // Enterprise's; elsewhere there is no such thing.
      ...(options.namespaces === undefined ? {} : { Namespace: namespace }),
      ...(options.partition === undefined ? {} : { Partition: options.partition }),
      Node: Node.Node,
      CheckID: ownCheckId(Service.ID),
      Name: OWN_NAME,
      Status: status,
      Notes: OWN_NOTES,
      Output: outputOf(mark, { status, incarnation }),
      ...(Service.ID === NODE_ID ? {} : { ServiceID: Service.ID, ServiceName: Service.Service }),
      ModifyIndex: check?.ModifyIndex ?? 0,
    },
  };
}

/** For people first, then for sonde. */
export function outputOf(mark: MarkRecord, beside: Partial<Omit<Stored, 'mark' | 'record'>>): string {
  const { health, since, reason } = mark;
  return `sonde: ${health} since ${since}: ${reason}\nsonde ${JSON.stringify({ ...mark, ...beside })}`;
}

/** The operation that takes the mark away, and with it what was written. */
export function releasing({ kind, check, stored }: Carrier): CheckOperation | undefined {
  if (check === undefined) return undefined;
  if (kind === 'own') return { Verb: 'delete-cas', Check: sent(check) };
  const { status, output } = stored?.was ?? { status: check.Status, output: '' };
  return { Verb: 'cas', Check: { ...sent(check), Status: status, Output: output } };
}

function sent({ Node, CheckID, ModifyIndex, ...rest }: Check): CheckOperation['Check'] {
  const known = Object.fromEntries(Object.entries(rest).filter(([key]) => SENT.has(key)));
  return { ...known, Node, CheckID, ModifyIndex };
}
