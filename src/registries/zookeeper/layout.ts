/** How instances stand in ZooKeeper: each layout says what to watch, and what that tells. */

import type { Entry, FoundMark, ServiceName } from '../../core/instance.ts';
import type { ServiceKey } from './dubbo-url.ts';
import type { Level } from './level.ts';
import type { Stat } from './protocol.ts';
import type { RuleDocument } from './rule-document.ts';
import type { Session } from './session.ts';
import type { Leaf, Tree } from './tree.ts';

export const TREES = ['providers', 'documents', 'marks'] as const;
export type TreeName = (typeof TREES)[number];

export interface TreeSpec {
  readonly root: string;
  readonly levels: readonly Level[];
}

export type Trees = Readonly<Partial<Record<TreeName, Tree>>> & { readonly providers: Tree };

export interface Service {
  readonly name: ServiceName;
  readonly entries: readonly Entry[];
}

/** A provider as it stands there at the moment of a write. */
export interface Provider {
  readonly path: string;
  readonly incarnation: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number | undefined;
}

export interface Layout {
  /** Of the instances; what sonde keeps of them is told apart by it. */
  readonly root: string;
  readonly trees: Readonly<Partial<Record<TreeName, TreeSpec>>> & { readonly providers: TreeSpec };
  /** What is read together, as concerned by a change in that group of that tree. */
  units(tree: TreeName, group: string, trees: Trees): Iterable<string>;
  /** The services of the unit, and whether the unit itself is still there. */
  read(unit: string, trees: Trees): { readonly services: readonly Service[]; readonly there: boolean };
  /** Leaves of providers that cannot be read as such. */
  unreadable(unit: string, trees: Trees): Iterable<Leaf>;
  /** The providers of these keys that are there. */
  find(
    service: ServiceName,
    keys: ReadonlySet<string>,
    session: Session,
  ): Promise<ReadonlyMap<string, Provider>>;
  /** What consumers know the service by; none where no rules can be made for it. */
  served(service: ServiceName, session: Session): Promise<readonly ServiceKey[]>;
  /** Folder of override URLs, where such are made. */
  ruleFolder(service: ServiceName): string | undefined;
  /** Folder of rule documents, where such are made. */
  readonly documentFolder: string | undefined;
}

/** A provider that registered anew is another one: the session that its node ends with, or its creation where it stays. */
export function incarnationOf({ ephemeralOwner, czxid }: Stat): string {
  const [kind, number] = ephemeralOwner === 0n ? ['c', czxid] : ['s', ephemeralOwner];
  return `${kind}${BigInt.asUintN(64, number).toString(16)}`;
}

/** What stands where others rule a provider: not to be written over. */
export function foreignMark(parameters: readonly Readonly<Record<string, string>>[]): FoundMark | undefined {
  if (parameters.length === 0) return undefined;
  const disabled = parameters.some((one) => one.disabled === 'true');
  return {
    health: disabled ? 'dead' : 'sub-healthy',
    reason: '',
    since: '',
    writer: '',
    version: 0,
    original: {},
    intact: false,
  };
}

export type Documents = ReadonlyMap<string, RuleDocument | undefined>;
