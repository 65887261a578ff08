/** Which API a Nacos answers; its version string is not asked, for what a release answers can be configured. */

import { RegistryError } from '../../core/registry.ts';
import { isAbsent, type NacosApi } from './api.ts';
import type { Call } from './connections.ts';
import type { Session } from './session.ts';
import { NacosV1 } from './v1.ts';
import { NacosV3 } from './v3.ts';

const V3: Call = { method: 'GET', path: '/v3/admin/core/state', params: {} };
const V1: Call = {
  method: 'GET',
  path: '/v1/ns/catalog/services',
  params: { pageNo: 1, pageSize: 1, hasIpCount: false },
};

export async function detectApi(session: Session, name: string, signal: AbortSignal): Promise<NacosApi> {
  const third = await session.ask(V3, signal);
  // Refused is there as well: the calls themselves will say what is missing.
  if ([200, 401, 403].includes(third.status)) return new NacosV3(session, name);
  if (third.status >= 500 && third.status !== 501) throw session.refusal(V3, third);
  const first = await session.ask(V1, signal);
  if ([200, 401, 403].includes(first.status)) return new NacosV1(session, name);
  if (!isAbsent(first.status)) throw session.refusal(V1, first);
  const answers = `${V3.path} with ${third.status}, ${V1.path} with ${first.status}`;
  throw new RegistryError('unsupported', `registry ${name}: no API of Nacos is there: it answers ${answers}`);
}
