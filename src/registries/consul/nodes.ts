/** External nodes as instances of a service of their own: what consul-esm pings, and the check that says so. Pure. */

import type { z } from 'zod';
import type { ConsulOptions } from './options.ts';
import type { checksAnswer, Found, nodesAnswer } from './wire.ts';

/** The check of a node that consul-esm keeps (check.go: externalCheckName). */
export const NODE_CHECK = 'externalNodeHealth';

/** No service has an empty ID: that is how a node is told from one. */
export const NODE_ID = '';

export function nodesOf(
  nodes: z.output<typeof nodesAnswer>,
  checks: z.output<typeof checksAnswer>,
  { service, port }: NonNullable<ConsulOptions['externalNodes']>,
): readonly Found[] {
  const byNode = Map.groupBy(checks, ({ Node }) => Node);
  return nodes.map(({ CreateIndex, ModifyIndex, ...node }) => ({
    Node: node,
    Service: {
      ID: NODE_ID,
      Service: service,
      Address: '',
      Port: port,
      Meta: {},
      Tags: [],
      Weights: undefined,
      CreateIndex,
      ModifyIndex,
    },
    Checks: byNode.get(node.Node) ?? [],
  }));
}
