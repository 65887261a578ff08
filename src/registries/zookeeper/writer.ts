/**
 * Writes marks into nodes of their own, and with them the rules that tell Dubbo's consumers: all of a service in one
 * transaction, which holds only if nothing that was read has changed meanwhile.
 */

import type { Clock } from '../../core/clock.ts';
import { type DesiredHealth, type Receipt, RegistryError, type WriteRequest } from '../../core/registry.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { decide, type WeightScale } from '../shared/mark.ts';
import { ruleName } from './dubbo-url.ts';
import type { Layout, Provider } from './layout.ts';
import { join, parentOf } from './level.ts';
import {
  formatMarkNode,
  type MarkNode,
  markGroup,
  markName,
  marksPath,
  NO_RULES,
  ofLife,
  type Rules,
  readMarkNode,
} from './mark-node.ts';
import type { ZookeeperOptions } from './options.ts';
import { type Change, ERR, meaningOf } from './protocol.ts';
import { NOTHING, type Ruled, type RuleEdit, ruleChanges, type StoredDocument } from './rule-changes.ts';
import { documentName, readDocument } from './rule-document.ts';
import type { Session } from './session.ts';
import { ruleUrls, standingOf } from './standing.ts';

/** Tries against others who keep changing what is read. */
const TRIES = 8;

/** Only scaled in Dubbo, where a sub-healthy provider gets less unless told otherwise. */
const DUBBO_WEIGHT = { subHealthy: 0.3, dead: 0 } as const;

interface Stored {
  readonly path: string;
  readonly version: number;
  readonly node: MarkNode;
}

/** What stands there for one service. */
interface Scene extends Ruled {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly marks: ReadonlyMap<string, Stored>;
}

/** What a request comes to. */
interface Step extends RuleEdit {
  readonly request: WriteRequest;
  readonly provider: Provider;
  /** Only half of it: `disabled` is said to be over before the rule goes. */
  readonly lifts: boolean;
  readonly mark: Change;
}

/**
 * How long consumers are told that a provider is no longer disabled before nothing is told any more, milliseconds. Dubbo 3
 * keeps the closed connections of a disabled provider of an application, and opens new ones only when its parameters are
 * others than before it was disabled (ServiceDiscoveryRegistryDirectory.toInvokers; tried with 3.3.5): a rule that
 * merely goes leaves it out for ever.
 */
const LIFT = 3_000;

export class NodeWriter {
  readonly #clock: Clock;
  readonly #options: ZookeeperOptions;
  readonly #layout: Layout;
  readonly #marks: string;

  constructor(options: ZookeeperOptions, layout: Layout, clock: Clock) {
    this.#clock = clock;
    this.#options = options;
    this.#layout = layout;
    this.#marks = marksPath(options, layout.root);
  }

  /** All requests are of one service. One receipt for each. */
  async write(requests: readonly WriteRequest[], session: Session): Promise<readonly Receipt[]> {
    const done: Receipt[] = [];
    let left = requests;
    for (let attempt = 0; attempt < TRIES && left.length > 0; attempt++) {
      const scene = await this.#look(left, session);
      const steps: Step[] = [];
      for (const request of left) {
        const step = this.#step(request, scene);
        if ('kind' in step) done.push(step);
        else steps.push(step);
      }
      left = steps.map(({ request }) => request);
      if (steps.length === 0 || !(await this.#carryOut(steps, scene, session))) continue;
      const [first, whole] = [steps.filter(({ lifts }) => lifts), steps.filter(({ lifts }) => !lifts)];
      for (const { request } of whole) done.push({ instance: request.instance.id, kind: 'written' });
      if (whole.some(({ mark }) => mark.kind === 'delete')) await this.#tidy(whole, session);
      left = first.map(({ request }) => request);
      if (left.length > 0) await this.#clock.sleep(LIFT, session.ended);
    }
    const detail = `what was read changed ${TRIES} times while it was being written`;
    return [
      ...done,
      ...left.map(({ instance }): Receipt => ({ instance: instance.id, kind: 'refused', detail })),
    ];
  }

  /** Takes back what was written for a life that has ended. Best effort: what fails stays for the next time. */
  async removeOrphan(
    service: { readonly namespace: string; readonly service: string },
    key: string,
    writer: string,
    session: Session,
  ): Promise<void> {
    const folder = join(this.#marks, markGroup(service));
    const path = join(folder, markName(key));
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const stored = await readStored(path, session);
      if (stored === undefined || stored.node.mark.writer !== writer) return;
      const provider = (await this.#layout.find(service, new Set([key]), session)).get(key);
      if (provider?.incarnation === stored.node.incarnation) return;
      const scene = await this.#scene(service, new Map(), new Map([[key, stored]]), session);
      const remove = this.#ownRules(stored.node.rules, scene);
      const errors = await session.transact([
        { kind: 'delete', path, version: stored.version },
        ...ruleChanges([{ remove, add: NO_RULES, overruled: NOTHING }], scene, this.#acl),
      ]);
      if (errors !== undefined) continue;
      await removeIfEmpty(folder, session);
      return;
    }
  }

  async #look(requests: readonly WriteRequest[], session: Session): Promise<Scene> {
    const service = requests[0]?.instance ?? { namespace: '', service: '' };
    const keys = new Set(requests.map(({ instance }) => instance.key));
    const folder = join(this.#marks, markGroup(service));
    const marks = new Map<string, Stored>();
    const [providers] = await Promise.all([
      this.#layout.find(service, keys, session),
      ...[...keys].map(async (key) => {
        const stored = await readStored(join(folder, markName(key)), session);
        if (stored !== undefined) marks.set(key, stored);
      }),
    ]);
    return this.#scene(service, providers, marks, session);
  }

  async #scene(
    service: { readonly namespace: string; readonly service: string },
    providers: ReadonlyMap<string, Provider>,
    marks: ReadonlyMap<string, Stored>,
    session: Session,
  ): Promise<Scene> {
    const services = await this.#layout.served(service, session);
    const folder = this.#layout.ruleFolder(service);
    const names = folder === undefined ? [] : ((await session.getChildren(folder, false))?.names ?? []);
    const { documentFolder } = this.#layout;
    const own =
      documentFolder === undefined ? [] : services.map((key) => join(documentFolder, documentName(key)));
    const said = [...marks.values()].flatMap(({ node }) => node.rules.items.map(({ document }) => document));
    const documents = new Map<string, StoredDocument | undefined>();
    await Promise.all(
      [...new Set([...own, ...said.filter((path) => isBelow(path, this.#options.configRoot))])].map(
        async (path) => {
          const found = await session.getData(path, false);
          documents.set(
            path,
            found === undefined
              ? undefined
              : { version: found.stat.version, text: found.data, read: readDocument(found.data) },
          );
        },
      ),
    );
    return { providers, services, folder, urls: ruleUrls(folder ?? '', names), documents, marks };
  }

  #step(request: WriteRequest, scene: Scene): Step | Receipt {
    const { id, key, incarnation, namespace, service } = request.instance;
    const receipt = (kind: Receipt['kind'], detail?: string): Receipt => ({
      instance: id,
      kind,
      ...(detail === undefined ? {} : { detail }),
    });
    const provider = scene.providers.get(key);
    if (provider === undefined || provider.incarnation !== incarnation) return receipt('gone');
    const stored = scene.marks.get(key);
    const ours = ofLife(stored?.node, incarnation);
    const { urls, services } = scene;
    const address = formatHostPort(provider.host, provider.port);
    const documents = new Map(
      [...scene.documents].flatMap(([path, one]) => (one === undefined ? [] : [[path, one.read] as const])),
    );
    const { stands, foreign, foreignUrls } = standingOf(address, services, stored?.node, urls, documents);
    const said = ours?.rules.items.map(({ parameters }) => parameters.disabled) ?? [];
    const lifts = request.desired.kind === 'release' && said.includes('true');
    const asked = lifts && ours !== undefined ? { ...request, desired: healthyAgain(ours) } : request;
    const decision = decide(
      asked,
      {
        mark: ours === undefined ? undefined : { ...ours.mark, intact: ours.mark.intact && stands },
        ownWeight: provider.weight,
      },
      services.length > 0 ? (this.#options.weight ?? DUBBO_WEIGHT) : undefined,
    );
    if (decision.kind === 'receipt') return receipt(decision.receipt, decision.detail);
    if (foreign.length > 0 && !request.force)
      return receipt('contested', 'a rule of somebody else for this provider stands there');
    const parameters = parametersOf(asked.desired, decision.weight, this.#options.weight ?? DUBBO_WEIGHT);
    if (parameters !== undefined && services.length === 0 && this.#layout.documentFolder !== undefined)
      return receipt('refused', `no interface is mapped to ${service}: its consumers cannot be told`);
    const wasDisabled = said.some((disabled) => disabled !== undefined);
    const add = decision.mark === undefined ? NO_RULES : this.#rules(parameters, wasDisabled, address, scene);
    const unknown = add.items.find(({ document }) => {
      const found = scene.documents.get(document);
      return found !== undefined && (found.read === undefined || found.read.off);
    });
    if (unknown !== undefined)
      return receipt(
        'contested',
        `${unknown.document} is switched off, or no rule document that can be edited`,
      );
    const path = join(join(this.#marks, markGroup({ namespace, service })), markName(key));
    const text =
      decision.mark === undefined
        ? undefined
        : formatMarkNode(decision.mark, decision.weight, incarnation, add);
    return {
      request,
      provider,
      lifts,
      remove: stored === undefined ? NO_RULES : this.#ownRules(stored.node.rules, scene),
      overruled: request.force ? { urls: foreignUrls, providers: [address] } : NOTHING,
      add,
      mark:
        text === undefined
          ? { kind: 'delete', path, version: stored?.version ?? -1 }
          : stored === undefined
            ? { kind: 'create', path, data: text, acl: this.#acl }
            : { kind: 'set', path, data: text, version: stored.version },
    };
  }

  /** What consumers shall be told by these parameters, if any; documents also that a provider is no longer disabled. */
  #rules(
    parameters: Parameters | undefined,
    wasDisabled: boolean,
    address: string,
    { folder, services }: Scene,
  ): Rules {
    const { documentFolder } = this.#layout;
    const inDocument = parameters ?? (wasDisabled ? { disabled: 'false' } : undefined);
    return {
      urls:
        folder === undefined || parameters === undefined
          ? []
          : services.map((key) => join(folder, ruleName('override', address, key, parameters))),
      items:
        documentFolder === undefined || inDocument === undefined
          ? []
          : services.map((key) => ({
              document: join(documentFolder, documentName(key)),
              provider: address,
              parameters: inDocument,
            })),
    };
  }

  /** A mark is somebody's text: what it names elsewhere is not touched. */
  #ownRules({ urls, items }: Rules, { folder }: Scene): Rules {
    return {
      urls: folder === undefined ? [] : urls.filter((path) => isBelow(path, folder)),
      items: items.filter(({ document }) => isBelow(document, this.#options.configRoot)),
    };
  }

  /** Tells whether it was done; throws where it was refused for another reason than a race. */
  async #carryOut(steps: readonly Step[], scene: Scene, session: Session): Promise<boolean> {
    const changes: readonly Change[] = [
      ...steps.map(({ provider }) => ({ kind: 'check', path: provider.path, version: -1 }) as const),
      ...ruleChanges(steps, scene, this.#acl),
      ...steps.map(({ mark }) => mark),
    ];
    const created = changes.flatMap((change) => (change.kind === 'create' ? [parentOf(change.path)] : []));
    for (const folder of new Set(created)) await makeFolder(folder, session, this.#acl);
    const errors = await session.transact(changes);
    const refused = errors?.find((err) => !RACES.includes(err));
    if (refused === undefined) return errors === undefined;
    const at = changes[errors?.indexOf(refused) ?? 0]?.path ?? '';
    const [code, text] = meaningOf(refused);
    throw new RegistryError(code, `${at}: ${text}`);
  }

  async #tidy(steps: readonly Step[], session: Session): Promise<void> {
    for (const folder of new Set(steps.map(({ mark }) => parentOf(mark.path))))
      await removeIfEmpty(folder, session);
  }

  get #acl() {
    return this.#options.acl ?? (this.#options.username === undefined ? 'open' : 'creator');
  }
}

/** The others of a transaction that failed say this (RUNTIMEINCONSISTENCY). */
const NOT_REACHED = -2;
const RACES: readonly number[] = [
  ERR.ok,
  NOT_REACHED,
  ERR.noNode,
  ERR.badVersion,
  ERR.nodeExists,
  ERR.notEmpty,
];

async function readStored(path: string, session: Session): Promise<Stored | undefined> {
  const found = await session.getData(path, false);
  if (found === undefined) return undefined;
  return { path, version: found.stat.version, node: readMarkNode(found.data) };
}

type Parameters = Readonly<Record<string, string>>;

/** Undefined for what is healthy: nothing need be said of it. */
function parametersOf(
  desired: WriteRequest['desired'],
  weight: number | undefined,
  { dead }: NonNullable<WeightScale>,
): Parameters | undefined {
  if (desired.kind === 'release' || desired.health === 'healthy') return undefined;
  return desired.health === 'dead' && dead === 0
    ? { disabled: 'true' }
    : { weight: String(wholeWeight(weight)) };
}

function healthyAgain({ mark: { reason, since } }: MarkNode): DesiredHealth {
  return { kind: 'health', health: 'healthy', reason, since };
}

/** Dubbo reads whole numbers; a little is not nothing. */
function wholeWeight(weight = 0): number {
  return weight > 0 ? Math.max(1, Math.round(weight)) : 0;
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes('/');
}

async function makeFolder(
  path: string,
  session: Session,
  acl: 'open' | 'creator' | 'creator-read',
): Promise<void> {
  if (path === '' || (await session.exists(path, false)) !== undefined) return;
  await makeFolder(parentOf(path), session, acl);
  await session.create(path, '', acl);
}

async function removeIfEmpty(path: string, session: Session): Promise<void> {
  await session.transact([{ kind: 'delete', path, version: -1 }]);
}
