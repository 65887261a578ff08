/** Reports as the pipeline makes them, for tests of who hears them. */

import type { Reason } from '../../src/core/cause.ts';
import type { Health } from '../../src/core/health.ts';
import type { Instance, InstanceId } from '../../src/core/instance.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Report } from '../../src/core/report.ts';
import type { Numbers } from '../../src/core/rule.ts';
import type { Target, TargetId } from '../../src/core/target.ts';
import type { WriteMode } from '../../src/core/view.ts';

export const PASS: Outcome = { kind: 'pass' };
export const REFUSED: Outcome = {
  kind: 'fail',
  cause: 'connect-refused',
  reached: false,
  detail: 'nobody listens',
};
export const SKIP: Outcome = { kind: 'skip', cause: 'prober-limit', detail: 'no file descriptors' };

/** Also its id, when none is given: `registry/namespace/service/host:port`. */
export function makeInstance(
  fields: Partial<Omit<Instance, 'id'>> & { readonly id?: string } = {},
): Instance {
  const { registry = 'local', namespace = 'default', service = 'web', host = '10.0.0.1', port = 80 } = fields;
  const key = `${host}:${port}`;
  return {
    key,
    incarnation: '',
    revision: '',
    metadata: {},
    enabled: true,
    draining: false,
    ...fields,
    registry,
    namespace,
    service,
    host,
    port,
    id: (fields.id ?? `${registry}.${namespace}.${service}.${key}`) as InstanceId,
  };
}

export function targetId(instance: Instance, check: string): TargetId {
  return `${instance.id}#${check}` as TargetId;
}

export function appeared(
  instance: Instance,
  checks: readonly string[] = ['tcp'],
  fields: { readonly writeMode?: WriteMode; readonly health?: Health; readonly reason?: Reason } = {},
): Report {
  const { health = 'unknown', reason = 'no-evidence', writeMode = 'apply' } = fields;
  const targets = checks.map((check): Target => {
    const seed = { health, reason, graceUntil: 0 };
    return { id: targetId(instance, check), check, instance, seed };
  });
  return { kind: 'instance', instance, targets, writeMode };
}

export function departed(instance: Instance): Report {
  return { kind: 'departed', instance: instance.id };
}

export interface Seen {
  readonly check?: string;
  readonly outcome?: Outcome;
  readonly at?: number;
  readonly duration?: number;
  readonly health?: Health;
  readonly reason?: Reason;
  readonly occasion?: 'scheduled' | 'external';
  readonly passed?: number;
  readonly total?: number;
  /** What the shadow rule says. */
  readonly shadow?: Health;
  readonly credible?: boolean;
}

export function observed(instance: Instance, seen: Seen = {}): Report {
  const { check = 'tcp', outcome = PASS, at = 0, duration = 1, passed = 0, total = 0 } = seen;
  const { health = 'unknown', reason = 'no-evidence', occasion = 'scheduled' } = seen;
  const rate = total === 0 ? null : passed / total;
  const numbers: Numbers = {
    rate,
    reach: rate,
    passed,
    total,
    inRow: 1,
    windowStart: total === 0 ? null : at,
  };
  const { shadow, credible } = seen;
  const doubted = credible === undefined ? {} : { credible };
  const target = targetId(instance, check);
  return {
    kind: 'observed',
    observation: { target, at, duration, vantage: 'here', occasion, outcome, ...doubted },
    verdict: { health, reason, numbers },
    ...(shadow === undefined ? {} : { shadow: { verdict: { health: shadow, reason, numbers } } }),
  };
}

export function healthChanged(
  instance: Instance,
  from: Health,
  to: Health,
  fields: Partial<Extract<Report, { kind: 'health' }>> = {},
): Report {
  const reason = to === 'healthy' ? 'passing' : 'connect-refused';
  return {
    kind: 'health',
    instance: instance.id,
    from,
    to,
    reason,
    flags: [],
    since: 0,
    target: null,
    ...fields,
  };
}

export function desired(instance: Instance, what: string | null, held: string | null = null): Report {
  return { kind: 'desired', instance: instance.id, desired: what, held };
}
