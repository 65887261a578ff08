/** Instances as nodes by a pattern of paths, whoever registers them. */

import type { Entry, ServiceName } from '../../core/instance.ts';
import { serviceKey } from '../shared/told.ts';
import type { ServiceKey } from './dubbo-url.ts';
import {
  incarnationOf,
  type Layout,
  type Provider,
  type Service,
  type TreeName,
  type TreeSpec,
  type Trees,
} from './layout.ts';
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
import { PathPattern, type Place } from './path-pattern.ts';
import type { Session } from './session.ts';
import type { Leaf } from './tree.ts';
import { readValue, standingIn } from './value.ts';

export class PathLayout implements Layout {
  readonly root: string;
  readonly trees: Readonly<Partial<Record<TreeName, TreeSpec>>> & { readonly providers: TreeSpec };
  readonly documentFolder = undefined;
  readonly #options: ZookeeperOptions;
  readonly #pattern: PathPattern;

  constructor(options: ZookeeperOptions) {
    this.#options = options;
    const { namespace, service = '' } = options;
    this.#pattern = new PathPattern(options.pattern ?? '', { namespace, service });
    this.root = this.#pattern.root;
    this.trees = {
      providers: { root: this.root, levels: this.#pattern.levels },
      ...(marksInNodes(options)
        ? { marks: { root: marksPath(options, this.root), levels: MARK_LEVELS } }
        : {}),
    };
  }

  units(tree: TreeName, group: string, { providers }: Trees): readonly string[] {
    // A service whose instances stand in several groups must be told as a whole.
    if (!this.#pattern.groupsServices) return [''];
    if (tree === 'providers') return [group];
    const name = serviceOfGroup(group);
    if (name === undefined) return [];
    return providers.groups().filter((one) => one.includes(name.service) || one.includes(name.namespace));
  }

  read(unit: string, trees: Trees): { readonly services: readonly Service[]; readonly there: boolean } {
    const { providers } = trees;
    const services = new Map<string, { name: ServiceName; entries: Entry[] }>();
    for (const leaf of this.#leaves(unit, trees)) {
      const place = this.#pattern.placeOf(leaf.path);
      const entry = place === undefined ? undefined : this.#entry(place, leaf, trees);
      if (place === undefined || entry === undefined) continue;
      const name = { namespace: place.namespace, service: place.service };
      const here = services.get(serviceKey(name)) ?? { name, entries: [] };
      services.set(serviceKey(name), here);
      here.entries.push(entry);
    }
    for (const { entries } of services.values()) entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { services: [...services.values()], there: unit === '' || providers.has(unit) };
  }

  *unreadable(unit: string, trees: Trees): Generator<Leaf> {
    for (const leaf of this.#leaves(unit, trees)) {
      const place = this.#pattern.placeOf(leaf.path);
      if (place !== undefined && readValue(leaf.data, place, this.#options) === undefined) yield leaf;
    }
  }

  async find(
    service: ServiceName,
    keys: ReadonlySet<string>,
    session: Session,
  ): Promise<ReadonlyMap<string, Provider>> {
    const found = new Map<string, Provider>();
    await Promise.all(
      [...keys].map(async (key) => {
        const path = this.pathOf(service, key);
        const answer = await session.getData(path, false);
        const place = this.#pattern.placeOf(path);
        if (answer === undefined || place === undefined) return;
        const value = readValue(answer.data, place, this.#options);
        if (value === undefined) return;
        const { host, port } = value;
        found.set(key, { path, host, port, incarnation: incarnationOf(answer.stat), weight: undefined });
      }),
    );
    return found;
  }

  pathOf({ namespace, service }: ServiceName, key: string): string {
    const [, inBrackets, plain, port = ''] = /^(?:\[([^\]]+)\]|(.*)):([0-9]+)$/s.exec(key) ?? [];
    return this.#pattern.pathOf({
      namespace,
      service,
      id: key,
      host: inBrackets ?? plain,
      port: Number(port),
    });
  }

  served(): Promise<readonly ServiceKey[]> {
    return Promise.resolve([]);
  }

  ruleFolder(): undefined {
    return undefined;
  }

  #leaves(unit: string, { providers }: Trees): Iterable<Leaf> {
    return unit === '' ? providers.leaves() : providers.leaves(unit);
  }

  #entry(place: Place, { data, stat }: Leaf, trees: Trees): Entry | undefined {
    const value = readValue(data, place, this.#options);
    if (value === undefined) return undefined;
    const { weight, ...rest } = value;
    const incarnation = incarnationOf(stat);
    const key = place.id;
    const stored = trees.marks?.get(markGroup(place), markName(key));
    const node = stored === undefined ? undefined : readMarkNode(stored.data);
    const inNode = ofLife(node, incarnation)?.mark;
    const mark = trees.marks === undefined ? standingIn(data, this.#options)?.mark : inNode;
    return {
      key,
      incarnation,
      revision: '',
      ...rest,
      ...(weight === undefined ? {} : { weight }),
      ...(mark === undefined ? {} : { mark }),
    };
  }
}

/** Where the values of the providers are left alone. */
export function marksInNodes({ layout, marks, value }: ZookeeperOptions): boolean {
  return layout !== 'path' || marks === 'node' || value === 'none';
}
