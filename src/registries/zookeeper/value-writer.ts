/** Writes a mark into the JSON text of an instance by compare-and-swap on the version of its node. */

import { type Receipt, RegistryError, type WriteRequest } from '../../core/registry.ts';
import { decide } from '../shared/mark.ts';
import { incarnationOf } from './layout.ts';
import type { PathLayout } from './layout-path.ts';
import type { ZookeeperOptions } from './options.ts';
import { ERR, meaningOf } from './protocol.ts';
import type { Session } from './session.ts';
import { standingIn, withMark } from './value.ts';

/** Tries against a provider that keeps changing its node. */
const TRIES = 5;

export async function writeIntoValue(
  request: WriteRequest,
  options: ZookeeperOptions,
  layout: PathLayout,
  session: Session,
): Promise<Receipt> {
  const { id, key, incarnation } = request.instance;
  const path = layout.pathOf(request.instance, key);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const found = await session.getData(path, false);
    if (found === undefined || incarnationOf(found.stat) !== incarnation)
      return { instance: id, kind: 'gone' };
    const standing = standingIn(found.data, options);
    if (standing === undefined)
      return { instance: id, kind: 'refused', detail: 'the value is not a JSON object' };
    const decision = decide(request, standing, options.weight);
    if (decision.kind === 'receipt') {
      const { receipt: kind, detail } = decision;
      return { instance: id, kind, ...(detail === undefined ? {} : { detail }) };
    }
    const data = withMark(found.data, decision.mark, decision.weight, options);
    const errors = await session.transact([{ kind: 'set', path, data, version: found.stat.version }]);
    const err = errors?.[0];
    if (err === undefined) return { instance: id, kind: 'written' };
    if (err === ERR.badVersion || err === ERR.noNode) continue;
    const [code, text] = meaningOf(err);
    throw new RegistryError(code, `${path}: ${text}`);
  }
  const detail = `the node changed ${TRIES} times while it was being written`;
  return { instance: id, kind: 'refused', detail };
}
