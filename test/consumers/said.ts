/** An instance with what is said of it, for tests. */

import type { Said } from '../../src/consumers/directory.ts';
import type { Instance, InstanceId } from '../../src/core/instance.ts';
import type { Told } from '../../src/core/report.ts';

function instanceOf(fields: Partial<Instance> = {}): Instance {
  const { service = 'web', host = '10.0.0.1', port = 80 } = fields;
  return {
    id: `${service}-${host}-${port}` as InstanceId,
    registry: 'local',
    namespace: 'default',
    service,
    key: `${host}:${port}`,
    incarnation: '',
    revision: '',
    host,
    port,
    metadata: {},
    enabled: true,
    draining: false,
    ...fields,
  };
}

export function said(
  health: 'healthy' | 'sub-healthy' | 'dead' | 'release' | null,
  fields: Partial<Instance> = {},
  reason = 'slow',
): Said {
  const since = '2026-01-01T00:00:00.000Z';
  let told: Told = null;
  if (health === 'release') told = { kind: 'release' };
  else if (health !== null) told = { kind: 'health', health, reason, since };
  return { instance: instanceOf(fields), told };
}
