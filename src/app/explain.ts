/** Gathers what `explain` tells of an instance from everybody who knows a part of it. */

import type { Board } from '../board/board.ts';
import { type CheckOrigin, explainView } from '../board/explain-view.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { ExplainView } from '../core/explain-view.ts';
import type { Intervention } from '../core/intervention.ts';
import type { Rule } from '../core/rule.ts';
import type { InstanceView } from '../core/view.ts';
import { globMatches } from '../lib/glob.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isoTime } from '../lib/iso-time.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';

export interface Explainers {
  readonly board: Pick<Board, 'instance' | 'failures'>;
  readonly pipeline: Pick<Pipeline, 'targets' | 'interventions'>;
  readonly ruleOf: (check: string) => Rule | undefined;
  readonly config: Config;
  readonly clock: Clock;
}

/** Undefined where there is no such instance. */
export function explain(id: string, parts: Explainers): ExplainView | undefined {
  const { board, pipeline, ruleOf, config, clock } = parts;
  const instance = board.instance(id);
  if (instance === undefined) return undefined;
  const narration = { now: clock.now(), time: (at: number) => isoTime(at).slice(11, 19) };
  const at = (pointer: string): string | null => config.positions.get(pointer) ?? null;
  const checks = new Map<string, CheckOrigin>();
  for (const { check, state } of pipeline.targets(id) ?? []) {
    const { name, ruleName: rule } = check;
    checks.set(name, {
      position: at(`/checks/${config.checks.findIndex((one) => one.name === name)}`),
      rule: { name: rule, kind: check.rule.kind, position: at(`/rules/${rule}`) },
      explanation: state === undefined ? undefined : ruleOf(name)?.explain?.(state, narration),
    });
  }
  return explainView({
    instance,
    failures: board.failures(id),
    checks,
    interventions: pipeline.interventions().filter((one) => concerns(one, instance)),
    now: clock.wall(),
  });
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
