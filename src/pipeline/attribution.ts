/** What instances that died together have in common, in one line for people: where to look first. Pure. */

import type { Instance } from '../core/instance.ts';

type Described = Pick<Instance, 'namespace' | 'service' | 'host' | 'metadata'>;

/** A label is named when more than this share of the dead have it ... */
const PURE = 0.8;
/** ... and less than this share of the others. */
const RARE = 0.2;
/** More would not be read. */
const MOST = 3;
/** Fewer have anything in common by chance. */
const FEW = 3;
const NEAR_US = 'look at the prober and its network first';

interface Label {
  readonly name: string;
  readonly dead: number;
  readonly others: number;
}

/**
 * `the 30 that died within a minute have in common: rack=r7 (29 of 30, 2 of 70 others)`, the clearest label first. Labels are
 * the metadata of the instances, their service and their network (/24). Where nothing sets them apart the cause is more likely
 * near the prober than near them (detection.md 4.5). Undefined where they are too few to have anything in common.
 */
export function attribution(dead: readonly Described[], others: readonly Described[]): string | undefined {
  if (dead.length < FEW) return undefined;
  const they = `the ${dead.length} that died within a minute`;
  if (others.length === 0) return `${they} are all there are: ${NEAR_US}`;
  const ofDead = counted(dead);
  const ofOthers = counted(others);
  const labels = [...ofDead]
    .map(([name, count]): Label => ({ name, dead: count, others: ofOthers.get(name) ?? 0 }))
    .filter((label) => label.dead > PURE * dead.length && label.others < RARE * others.length)
    .sort((a, b) => b.dead - a.dead || a.others - b.others || (a.name < b.name ? -1 : 1))
    .slice(0, MOST);
  if (labels.length === 0) return `no label sets ${they} apart from the others: ${NEAR_US}`;
  const told = labels.map(
    (label) => `${label.name} (${label.dead} of ${dead.length}, ${label.others} of ${others.length} others)`,
  );
  return `${they} have in common: ${told.join(', ')}`;
}

function counted(instances: readonly Described[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const instance of instances)
    for (const label of labelsOf(instance)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

function labelsOf({ namespace, service, host, metadata }: Described): readonly string[] {
  const network = /^(\d+\.\d+\.\d+)\.\d+$/.exec(host)?.[1];
  return [
    `service=${namespace}/${service}`,
    ...(network === undefined ? [] : [`network=${network}.0/24`]),
    ...Object.entries(metadata).map(([key, value]) => `${key}=${value}`),
  ];
}
