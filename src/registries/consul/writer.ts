/** Writes marks into Consul by transactions that compare, so that what others wrote meanwhile is never lost. */

import { type Receipt, RegistryError, type WriteRequest } from '../../core/registry.ts';
import { type Decision, decide } from '../shared/mark.ts';
import type { Agents } from './agents.ts';
import type { Answer, ConsulApi } from './api.ts';
import {
  type Carrier,
  carriersOf,
  hasAgent,
  ofLife,
  releasing,
  statusOf,
  storing,
  straysOf,
  unwritable,
} from './carrier.ts';
import { NODE_ID } from './nodes.ts';
import type { ConsulOptions } from './options.ts';
import { questionOf } from './question.ts';
import { keyOf } from './record.ts';
import type { CheckOperation, Found } from './wire.ts';

/** Tries against others that keep changing the checks. */
const TRIES = 5;

/** In one transaction: Consul's documentation says 64 operations; a body is 512 KiB at most by default. */
const OPERATIONS = 64;
const BYTES = 256 * 1024;

/** As Consul says it of an operation (acl/errors.go). */
const DENIED = /Permission denied/i;

/** What is to be done for a request, or the receipt where there is nothing. */
type Step = Closed | { readonly operations: readonly CheckOperation[] } | { readonly throughAgent: Found };

interface Closed {
  readonly receipt: Receipt['kind'];
  readonly detail?: string;
}

interface Work {
  readonly request: WriteRequest;
  readonly operations: readonly CheckOperation[];
}

interface Deps {
  readonly options: ConsulOptions;
  readonly api: ConsulApi;
  readonly agents: Agents;
}

/** One receipt for each request. */
export async function writeMarks(
  requests: readonly WriteRequest[],
  { options, api, agents }: Deps,
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  const receive = ({ instance }: WriteRequest, kind: Receipt['kind'], detail?: string): void => {
    receipts.push({ instance: instance.id, kind, ...(detail === undefined ? {} : { detail }) });
  };
  const esm = await leftToEsm(requests, options, api, signal);
  const throughAgents: { readonly request: WriteRequest; readonly found: Found }[] = [];
  let left = requests;
  for (let attempt = 0; attempt < TRIES && left.length > 0; attempt++) {
    const again: WriteRequest[] = [];
    const work: Work[] = [];
    for (const { request, found } of await readAll(left, api, options, signal)) {
      const step = stepOf(request, found, options, esm);
      if ('receipt' in step) receive(request, step.receipt, step.detail);
      else if ('throughAgent' in step) throughAgents.push({ request, found: step.throughAgent });
      else work.push({ request, operations: step.operations });
    }
    for (const batch of batchesOf(work)) {
      const refused = await applied(batch, api, signal);
      for (const { request } of batch) {
        const why = refused.get(request);
        if (why === undefined) receive(request, 'written');
        else if (DENIED.test(why)) receive(request, 'refused', why);
        // Changed or gone: what is read next says it.
        else again.push(request);
      }
    }
    left = again;
  }
  await Promise.all(
    throughAgents.map(async ({ request, found }) => {
      const { receipt, detail } = await agents.write(request, found, signal);
      receive(request, receipt, detail);
    }),
  );
  for (const request of left)
    receive(request, 'refused', `its checks changed ${TRIES} times while being written`);
  // When nothing may be written it is the registry that refuses, not one of the instances.
  const denied = receipts.filter(({ kind, detail = '' }) => kind === 'refused' && DENIED.test(detail));
  if (denied.length > 0 && denied.length === receipts.length)
    throw api.error('forbidden', '/v1/txn', denied[0]?.detail ?? '');
  return receipts;
}

/** What stands there for each request, as Consul tells it now; asked once for each service. */
async function readAll(
  requests: readonly WriteRequest[],
  api: ConsulApi,
  options: ConsulOptions,
  signal: AbortSignal,
): Promise<readonly { readonly request: WriteRequest; readonly found: Found | 'gone' | 'hidden' }[]> {
  const services = Map.groupBy(requests, ({ instance }) =>
    JSON.stringify([instance.namespace, instance.service]),
  );
  const read = await Promise.all(
    [...services.values()].map(async (group) => {
      const answer = await readService(group, api, options, signal);
      const byKey = new Map(answer.value.map((found) => [keyOf(found), found]));
      const missing = answer.filtered ? 'hidden' : 'gone';
      return group.map(
        (request) => ({ request, found: byKey.get(request.instance.key) ?? missing }) as const,
      );
    }),
  );
  return read.flat();
}

/** Of a service only the instances that are written: it may have thousands. */
function readService(
  group: readonly WriteRequest[],
  api: ConsulApi,
  options: ConsulOptions,
  signal: AbortSignal,
): Promise<Answer<readonly Found[]>> {
  const { namespace = '', service = '' } = group[0]?.instance ?? {};
  const filter = group
    .map(({ instance: { metadata } }) => {
      const [node, id] = [metadata['consul.node'] ?? '', metadata['consul.id'] ?? ''];
      return `(Node.Node == ${quoted(node)} and Service.ID == ${quoted(id)})`;
    })
    .join(' or ');
  return api.instances(service, { ...questionOf(namespace, options), plain: true }, filter, signal);
}

/** As Consul's filters write a text: as Go does. */
function quoted(text: string): string {
  return text.includes('`') ? JSON.stringify(text) : `\`${text}\``;
}

/** Another prober writes these checks: not our turn. */
async function leftToEsm(
  requests: readonly WriteRequest[],
  options: ConsulOptions,
  api: ConsulApi,
  signal: AbortSignal,
): Promise<boolean> {
  const concerned = requests.some(({ instance: { service, metadata } }) => {
    if (service === options.externalNodes?.service) return true;
    return options.externalChecks === 'adopt' && metadata['consul.check.kind'] !== undefined;
  });
  if (!concerned) return false;
  const question = { ...questionOf('', options), namespace: undefined, plain: true };
  const { value, filtered } = await api.health(options.esmService, question, undefined, signal);
  // Whether it runs must be known: two that write the same check would fight.
  return filtered || value.some(({ Checks }) => Checks.every(({ Status }) => Status === 'passing'));
}

function stepOf(
  request: WriteRequest,
  found: Found | 'gone' | 'hidden',
  options: ConsulOptions,
  esm: boolean,
): Step {
  if (found === 'gone') return { receipt: 'gone' };
  if (found === 'hidden') return { receipt: 'refused', detail: 'the token may not see it (any more)' };
  const { instance, desired } = request;
  if (String(found.Service.CreateIndex) !== instance.incarnation) return { receipt: 'gone' };
  if (hasAgent(found)) return agentStepOf(request, found, options);
  const carriers = carriersOf(found, options);
  const operations: CheckOperation[] = [];
  for (const carrier of carriers) {
    const lost = carrier.check === undefined ? undefined : unwritable(carrier.check);
    if (lost !== undefined) return { receipt: 'refused', detail: `${carrier.check?.CheckID}: ${lost}` };
    if (esm && (carrier.kind === 'adopted' || found.Service.ID === NODE_ID))
      return {
        receipt: 'contested',
        detail: `${options.esmService} is passing, or may not be seen, and writes this check: stop it first`,
      };
    const mark = desired.kind === 'release' ? carrier.stored?.mark : ofLife(carrier, instance.incarnation);
    const decision = decide(request, { mark, ownWeight: undefined }, undefined);
    const operation = operationOf(decision, carrier, found, request, options);
    if (operation === 'unchanged') continue;
    if ('receipt' in operation) return operation;
    operations.push(operation);
  }
  for (const stray of straysOf(found, options)) {
    const decision = decide(
      { ...request, desired: { kind: 'release' } },
      { mark: stray.stored?.mark, ownWeight: undefined },
      undefined,
    );
    const operation = decision.kind === 'store' ? releasing(stray) : undefined;
    if (operation !== undefined) operations.push(operation);
  }
  return operations.length === 0 ? { receipt: 'unchanged' } : { operations };
}

function agentStepOf({ desired }: WriteRequest, found: Found, options: ConsulOptions): Step {
  if (options.agents !== 'none') return { throughAgent: found };
  const marked = carriersOf(found, options).some(({ stored }) => stored !== undefined);
  if (desired.kind === 'release' && !marked) return { receipt: 'unchanged' };
  const detail = `node ${found.Node.Node} has an agent, which removes checks that it does not know: see the option agents`;
  return { receipt: 'refused', detail };
}

function operationOf(
  decision: Decision,
  carrier: Carrier,
  found: Found,
  { instance, desired }: WriteRequest,
  options: ConsulOptions,
): CheckOperation | 'unchanged' | Closed {
  if (decision.kind === 'store') {
    if (decision.mark === undefined) return releasing(carrier) ?? 'unchanged';
    return storing(carrier, decision.mark, found, instance.namespace, options);
  }
  if (decision.receipt !== 'unchanged') return decision;
  // The same health may have another status since the options changed.
  const { stored } = carrier;
  if (desired.kind === 'release' || stored === undefined) return 'unchanged';
  if (stored.status === statusOf(desired.health, options)) return 'unchanged';
  return storing(carrier, stored.record, found, instance.namespace, options);
}

/** As many as fit into one transaction; the operations of a request stay together. */
function batchesOf(work: readonly Work[]): readonly (readonly Work[])[] {
  const batches: Work[][] = [];
  let room = 0;
  let bytes = 0;
  for (const one of work) {
    const size = JSON.stringify(one.operations).length;
    if (one.operations.length > room || size > bytes) {
      batches.push([]);
      room = OPERATIONS;
      bytes = BYTES;
    }
    batches.at(-1)?.push(one);
    room -= one.operations.length;
    bytes -= size;
  }
  return batches;
}

/**
 * Why requests were refused; the others are written. Consul carries out all of a transaction or nothing, and says of each
 * operation that stands against it: the rest is sent again without them.
 */
async function applied(
  batch: readonly Work[],
  api: ConsulApi,
  signal: AbortSignal,
): Promise<ReadonlyMap<WriteRequest, string>> {
  const refused = new Map<WriteRequest, string>();
  for (;;) {
    const left = batch.filter(({ request }) => !refused.has(request));
    if (left.length === 0) return refused;
    const owners = left.flatMap(({ request, operations }) => operations.map(() => request));
    const errors = await api.txn(
      left.flatMap(({ operations }) => operations),
      signal,
    );
    if (errors.size === 0) return refused;
    for (const [index, why] of errors) {
      const owner = owners[index];
      if (owner === undefined)
        throw new RegistryError('protocol', `an error of an operation that was not sent: ${index}: ${why}`);
      refused.set(owner, why);
    }
  }
}
