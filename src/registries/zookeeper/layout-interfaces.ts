/** Dubbo's registration by interface: `/dubbo/INTERFACE/providers/URL`, rules beside it in `configurators`. */

import type { Entry, FoundMark, ServiceName } from '../../core/instance.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { DocumentCache } from './document-cache.ts';
import {
  type DubboUrl,
  formatServiceKey,
  isEnabled,
  parseServiceKey,
  parseUrl,
  providerOf,
  type ServiceKey,
  weightOf,
} from './dubbo-url.ts';
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
import { documentName, interfaceOfDocument, isDocumentName } from './rule-document.ts';
import type { Session } from './session.ts';
import { type RuleUrls, ruleUrls, standingOf } from './standing.ts';
import type { Leaf } from './tree.ts';

/** Beside the interfaces Dubbo keeps these below the same root. */
const NO_INTERFACES = ['config', 'mapping', 'metadata'];

const PROVIDERS = 'providers';
const CONFIGURATORS = 'configurators';

/** A provider that restarts stands there twice until the session of its former life ends: the newest is the one. */
interface Found {
  readonly leaf: Leaf;
  readonly url: DubboUrl;
}

export class InterfaceLayout implements Layout {
  readonly root: string;
  readonly trees: Readonly<Record<TreeName, TreeSpec>>;
  readonly documentFolder: string | undefined;
  readonly #options: ZookeeperOptions;
  readonly #documents = new DocumentCache();

  constructor(options: ZookeeperOptions) {
    this.#options = options;
    this.root = options.root ?? '/dubbo';
    this.documentFolder = options.rules === 'url' ? undefined : options.configRoot;
    this.trees = {
      providers: {
        root: this.root,
        levels: [
          { kind: 'each', keep: (name) => !NO_INTERFACES.includes(name) },
          { kind: 'only', names: [PROVIDERS, CONFIGURATORS] },
          { kind: 'each', keep: () => true },
        ],
      },
      documents: { root: options.configRoot, levels: [{ kind: 'each', keep: isDocumentName }] },
      marks: { root: marksPath(options, this.root), levels: MARK_LEVELS },
    };
  }

  units(tree: TreeName, group: string): readonly string[] {
    if (tree === 'providers') return [group];
    const service = serviceOfGroup(group)?.service;
    const name =
      tree === 'documents'
        ? interfaceOfDocument(group)
        : service === undefined
          ? undefined
          : parseServiceKey(service).interface;
    return name === undefined ? [] : [folderName(name)];
  }

  read(unit: string, trees: Trees): { readonly services: readonly Service[]; readonly there: boolean } {
    const { providers } = trees;
    const folder = join(join(this.root, unit), CONFIGURATORS);
    const urls = ruleUrls(
      folder,
      [...providers.leaves(unit, CONFIGURATORS)].map(({ path }) => path.slice(folder.length + 1)),
    );
    const services = new Map<string, Map<string, Found>>();
    for (const leaf of providers.leaves(unit, PROVIDERS)) {
      const url = parseUrl(nameOf(leaf.path));
      if (url === undefined || providerOf(url) === undefined) continue;
      const service = formatServiceKey(url);
      const found = services.get(service) ?? new Map<string, Found>();
      services.set(service, found);
      keepNewest(found, { leaf, url });
    }
    return {
      services: [...services].map(([service, found]) => ({
        name: { namespace: this.#options.namespace, service },
        entries: [...found]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .flatMap(([, one]) => this.#entry(one, service, urls, trees)),
      })),
      there: providers.has(unit, PROVIDERS),
    };
  }

  *unreadable(unit: string, { providers }: Trees): Generator<Leaf> {
    for (const leaf of providers.leaves(unit, PROVIDERS)) {
      const url = parseUrl(nameOf(leaf.path));
      if (url === undefined || providerOf(url) === undefined) yield leaf;
    }
  }

  async find(
    { service }: ServiceName,
    keys: ReadonlySet<string>,
    session: Session,
  ): Promise<ReadonlyMap<string, Provider>> {
    const own = parseServiceKey(service);
    const folder = join(join(this.root, folderName(own.interface)), PROVIDERS);
    const listing = await session.getChildren(folder, false);
    const wanted = (listing?.names ?? []).flatMap((name) => {
      const url = parseUrl(name);
      if (url === undefined || formatServiceKey(url) !== service) return [];
      return keys.has(formatHostPort(url.host, url.port)) ? [{ url, path: join(folder, name) }] : [];
    });
    const found = new Map<string, Found>();
    await Promise.all(
      wanted.map(async ({ url, path }) => {
        const answer = await session.getData(path, false);
        if (answer !== undefined) keepNewest(found, { url, leaf: { path, ...answer } });
      }),
    );
    return new Map(
      [...found].map(([key, { url, leaf }]) => [
        key,
        {
          path: leaf.path,
          incarnation: incarnationOf(leaf.stat),
          host: url.host,
          port: url.port,
          weight: weightOf(url),
        },
      ]),
    );
  }

  served({ service }: ServiceName): Promise<readonly ServiceKey[]> {
    return Promise.resolve([parseServiceKey(service)]);
  }

  ruleFolder({ service }: ServiceName): string | undefined {
    if (this.#options.rules === 'document') return undefined;
    return join(join(this.root, folderName(parseServiceKey(service).interface)), CONFIGURATORS);
  }

  #entry({ leaf, url }: Found, service: string, urls: RuleUrls, trees: Trees): readonly Entry[] {
    const provider = providerOf(url);
    if (provider === undefined) return [];
    const incarnation = incarnationOf(leaf.stat);
    const group = markGroup({ namespace: this.#options.namespace, service });
    const stored = trees.marks?.get(group, markName(provider.key));
    const node = stored === undefined ? undefined : readMarkNode(stored.data);
    const ours = ofLife(node, incarnation);
    const document = join(this.#options.configRoot, documentName(url));
    const documents = this.#documents.of(trees.documents, [document]);
    const { stands, foreign } = standingOf(provider.key, [url], node, urls, documents);
    const mark: FoundMark | undefined =
      ours === undefined
        ? foreignMark(foreign)
        : { ...ours.mark, intact: ours.mark.intact && stands && foreign.length === 0 };
    return [
      {
        ...provider,
        incarnation,
        revision: '',
        enabled: provider.enabled && foreign.every(isEnabled),
        draining: false,
        ...(mark === undefined ? {} : { mark }),
      },
    ];
  }
}

function keepNewest(found: Map<string, Found>, one: Found): void {
  const key = formatHostPort(one.url.host, one.url.port);
  const before = found.get(key);
  if (before === undefined || before.leaf.stat.czxid < one.leaf.stat.czxid) found.set(key, one);
}

/** As Dubbo names the folder of an interface (ZookeeperRegistry.toServicePath). */
function folderName(name: string): string {
  return encodeURIComponent(name);
}
