/** Dubbo's registration by application: `/services/APPLICATION/HOST:PORT`, JSON as Curator's service discovery writes it. */

import { z } from 'zod';
import type { Entry, FoundMark, ServiceName } from '../../core/instance.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { DocumentCache } from './document-cache.ts';
import type { ServiceKey } from './dubbo-url.ts';
import {
  foreignMark,
  incarnationOf,
  type Layout,
  type Provider,
  type Service,
  type TreeName,
  type TreeSpec,
  type Trees,
} from './layout.ts';
import { join, nameOf } from './level.ts';
import {
  MARK_LEVELS,
  markGroup,
  markName,
  marksPath,
  ofLife,
  readMarkNode,
  serviceOfGroup,
} from './mark-node.ts';
import type { ZookeeperOptions } from './options.ts';
import { isDocumentName } from './rule-document.ts';
import type { Session } from './session.ts';
import { standingOf } from './standing.ts';
import type { Leaf } from './tree.ts';

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** Curator's ServiceInstance; the payload is Dubbo's ZookeeperInstance, which Spring Cloud writes too. */
const instance = z.object({
  address: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  enabled: z.boolean().nullish(),
  payload: z
    .object({ metadata: z.record(z.string(), text).nullish() })
    .nullish()
    .transform((payload) => payload?.metadata ?? {}),
});

/** Dubbo's DEFAULT_WEIGHT; an application's instances have no other. */
const WEIGHT = 100;

const definition = z.object({
  parameters: z.object({
    interface: z.string(),
    group: z.string().default(''),
    version: z.string().default(''),
  }),
});

/** `VERSION/GROUP/provider/APPLICATION`, the first two as there are (BaseServiceMetadataIdentifier). */
const DEFINITION_DEPTH = 4;

export class ApplicationLayout implements Layout {
  readonly root: string;
  readonly trees: Readonly<Record<TreeName, TreeSpec>>;
  readonly documentFolder: string;
  readonly #options: ZookeeperOptions;
  readonly #documents = new DocumentCache();

  constructor(options: ZookeeperOptions) {
    this.#options = options;
    this.root = options.root ?? '/services';
    this.documentFolder = options.configRoot;
    this.trees = {
      providers: { root: this.root, levels: [all, all] },
      documents: { root: options.configRoot, levels: [{ kind: 'each', keep: isDocumentName }] },
      marks: { root: marksPath(options, this.root), levels: MARK_LEVELS },
    };
  }

  /** Which applications a document concerns is not said in it. */
  units(tree: TreeName, group: string, { providers }: Trees): readonly string[] {
    if (tree === 'documents') return providers.groups();
    if (tree === 'providers') return [group];
    const name = serviceOfGroup(group);
    return name === undefined ? [] : [name.service];
  }

  read(unit: string, trees: Trees): { readonly services: readonly Service[]; readonly there: boolean } {
    const { providers } = trees;
    const entries = [...providers.leaves(unit)]
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .flatMap((leaf) => this.#entry(unit, leaf, trees));
    const there = providers.has(unit);
    const name = { namespace: this.#options.namespace, service: unit };
    return { services: entries.length > 0 ? [{ name, entries }] : [], there };
  }

  *unreadable(unit: string, { providers }: Trees): Generator<Leaf> {
    for (const leaf of providers.leaves(unit)) if (decode(leaf.data) === undefined) yield leaf;
  }

  async find(
    { service }: ServiceName,
    keys: ReadonlySet<string>,
    session: Session,
  ): Promise<ReadonlyMap<string, Provider>> {
    const found = new Map<string, Provider>();
    await Promise.all(
      [...keys].map(async (key) => {
        const path = join(join(this.root, service), key);
        const answer = await session.getData(path, false);
        const decoded = answer === undefined ? undefined : decode(answer.data);
        if (answer === undefined || decoded === undefined) return;
        const { address: host, port } = decoded;
        found.set(key, { path, host, port, incarnation: incarnationOf(answer.stat), weight: WEIGHT });
      }),
    );
    return found;
  }

  /** The interfaces that are mapped to the application, in the versions and groups that it has reported. */
  async served({ service: application }: ServiceName, session: Session): Promise<readonly ServiceKey[]> {
    const mapping = join(this.#options.metadataRoot, 'mapping');
    const names = (await session.getChildren(mapping, false))?.names ?? [];
    const mapped = await Promise.all(
      names.map(async (name) => {
        const value = await session.getData(join(mapping, name), false);
        return value?.data.split(',').includes(application) === true ? [name] : [];
      }),
    );
    const keys = await Promise.all(
      mapped.flat().map(async (name) => {
        const folder = join(join(this.#options.metadataRoot, 'metadata'), name);
        const reported = await this.#reported(folder, application, session, DEFINITION_DEPTH);
        return reported.length > 0 ? reported : [{ interface: name, group: '', version: '' }];
      }),
    );
    return keys.flat();
  }

  ruleFolder(): undefined {
    return undefined;
  }

  async #reported(
    folder: string,
    application: string,
    session: Session,
    depth: number,
  ): Promise<readonly ServiceKey[]> {
    if (depth === 0) return [];
    const names = (await session.getChildren(folder, false))?.names ?? [];
    const keys = await Promise.all(
      names.map(async (name) => {
        if (name !== 'provider') return this.#reported(join(folder, name), application, session, depth - 1);
        const report = await session.getData(join(join(folder, name), application), false);
        const decoded = report === undefined ? undefined : definition.safeParse(parseJson(report.data));
        return decoded?.success === true ? [decoded.data.parameters] : [];
      }),
    );
    return keys.flat();
  }

  #entry(application: string, leaf: Leaf, trees: Trees): readonly Entry[] {
    const decoded = decode(leaf.data);
    if (decoded === undefined) return [];
    const { address: host, port, payload: metadata } = decoded;
    const key = nameOf(leaf.path);
    const incarnation = incarnationOf(leaf.stat);
    const group = markGroup({ namespace: this.#options.namespace, service: application });
    const stored = trees.marks?.get(group, markName(key));
    const node = stored === undefined ? undefined : readMarkNode(stored.data);
    const ours = ofLife(node, incarnation);
    const address = formatHostPort(host, port);
    const said = node?.rules.items.map(({ document }) => document) ?? [];
    const documents = this.#documents.about(trees.documents, address, said);
    const { stands, foreign } = standingOf(address, [], node, new Map(), documents);
    const mark: FoundMark | undefined =
      ours === undefined
        ? foreignMark(foreign)
        : { ...ours.mark, intact: ours.mark.intact && stands && foreign.length === 0 };
    const enabled = decoded.enabled !== false && foreign.every(({ disabled }) => disabled !== 'true');
    const own = { key, incarnation, revision: '', host, port, metadata, enabled, draining: false };
    return [{ ...own, weight: WEIGHT, ...(mark === undefined ? {} : { mark }) }];
  }
}

const all = { kind: 'each', keep: () => true } as const;

function decode(data: string): z.output<typeof instance> | undefined {
  return instance.safeParse(parseJson(data)).data;
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
