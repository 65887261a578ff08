/** Gathers what `explain` tells of an instance from everybody who knows a part of it. */

import type { Board } from '../board/board.ts';
import { type CheckOrigin, explainView } from '../board/explain-view.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { ExplainView } from '../core/explain-view.ts';
import type { Intervention } from '../core/intervention.ts';
import type { Rule } from '../core/rule.ts';
import type { InstanceView, LocalHealthView } from '../core/view.ts';
import { globMatches } from '../lib/glob.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isoTime } from '../lib/iso-time.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';

export interface Explainers {
  readonly board: Pick<Board, 'instance' | 'instances' | 'failures'>;
  readonly pipeline: Pick<Pipeline, 'targets' | 'interventions' | 'backgroundLoss'>;
  readonly madeOf: (check: string) => { readonly rule: Rule; readonly shadow?: Rule } | undefined;
  readonly config: Config;
  readonly clock: Clock;
  readonly prober: () => LocalHealthView;
}

/** Undefined where there is no such instance. */
export function explain(id: string, parts: Explainers): ExplainView | undefined {
  const { board, pipeline, madeOf, config, clock } = parts;
  const instance = board.instance(id);
  if (instance === undefined) return undefined;
  const { backgroundLoss } = pipeline;
  const narration = {
    now: clock.now(),
    time: (at: number) => isoTime(at).slice(11, 19),
    ...(backgroundLoss !== undefined && { backgroundLoss }),
  };
  const at = (pointer: string): string | null => config.positions.get(pointer) ?? null;
  const checks = new Map<string, CheckOrigin>();
  const origin = (ruleName: string, kind: string, rule: Rule | undefined, state: unknown) => ({
    rule: { name: ruleName, kind, position: at(`/rules/${ruleName}`) },
    explanation: state === undefined ? undefined : rule?.explain?.(state, narration),
  });
  for (const { check, state, shadow } of pipeline.targets(id) ?? []) {
    const { name } = check;
    const made = madeOf(name);
    const beside = check.shadow;
    checks.set(name, {
      position: at(`/checks/${config.checks.findIndex((one) => one.name === name)}`),
      ...origin(check.ruleName, check.rule.kind, made?.rule, state),
      ...(beside !== undefined && {
        shadow: origin(beside.ruleName, beside.rule.kind, made?.shadow, shadow),
      }),
    });
  }
  return explainView({
    instance,
    failures: board.failures(id),
    checks,
    interventions: pipeline.interventions().filter((one) => concerns(one, instance)),
    peerLatency: (check) => peerLatency(board, instance, check),
    prober: parts.prober(),
    now: clock.wall(),
  });
}

/** Median of the medians of the others of its service, milliseconds; null where none of them passed. */
function peerLatency(board: Explainers['board'], of: InstanceView, check: string): number | null {
  const { id, registry, namespace, service } = of;
  const place = { registry: [registry], namespace: [namespace], service: [service] };
  const medians: number[] = [];
  for (const peer of board.instances(place)) {
    const p50 = peer.id === id ? null : peer.checks.find(({ name }) => name === check)?.latency.p50;
    if (typeof p50 === 'number') medians.push(p50);
  }
  return medians.sort((a, b) => a - b)[Math.floor(medians.length / 2)] ?? null;
}

function concerns({ selector }: Intervention, instance: InstanceView): boolean {
  const { id, registry, namespace, service, host, port } = instance;
  const fits = (glob: string | undefined, ...texts: readonly string[]): boolean =>
    glob === undefined || texts.some((text) => globMatches(glob, text));
  return (
    fits(selector.registry, registry) &&
    fits(selector.namespace, namespace) &&
    fits(selector.service, service) &&
    fits(selector.instance, id, formatHostPort(host, port))
  );
}
