import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/core/observation.ts';
import type { Peers, Rule } from '../../src/core/rule.ts';
import type { Target } from '../../src/core/target.ts';
import { Judge } from '../../src/engine/judge.ts';
import { consecutiveRule } from '../../src/rules/consecutive.ts';
import { ruleOf } from '../contracts/rule.contract.ts';
import { target } from '../support/engine-bench.ts';
import { observation } from '../support/timeline.ts';

/** Two services of three instances each. */
const TARGETS: readonly Target[] = Array.from({ length: 6 }, (_, index) => {
  const one = target(`h${index}`);
  return { ...one, instance: { ...one.instance, service: index < 3 ? 'a' : 'b' } };
});

function of(one: Target, mark: string): Observation {
  return { ...observation(mark), target: one.id };
}

describe('the peers that a rule is told of', () => {
  it('are those of a naive recount, whoever comes and goes', () => {
    const act = fc.record({ index: fc.nat(5), act: fc.constantFrom('open', 'close', '+', '-', 'x', 'o') });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80, size: 'max' }), (acts) => {
        let told: Peers | undefined;
        const plain = ruleOf(consecutiveRule);
        const rule: Rule = {
          initial: plain.initial.bind(plain),
          verdict: plain.verdict.bind(plain),
          step: (state, seen, env) => {
            told = env.peers;
            return plain.step(state, seen, env);
          },
        };
        const judge = new Judge();
        /** Of those taken on: whether the last counted look passed, undefined before it. */
        const model = new Map<Target, boolean | undefined>();
        for (const { index, act } of acts) {
          const one = TARGETS[index] as Target;
          if (act === 'open') {
            judge.open(one, rule, 0);
            if (!model.has(one)) model.set(one, undefined);
          } else if (act === 'close') {
            judge.close(one);
            model.delete(one);
          } else if (model.has(one)) {
            judge.hear(of(one, act), 0);
            const peers = [...model]
              .filter(([other]) => other !== one && other.instance.service === one.instance.service)
              .map(([, passed]) => passed)
              .filter((passed) => passed !== undefined);
            expect(told).toEqual({ total: peers.length, serving: peers.filter(Boolean).length });
            if (act !== 'o') model.set(one, act === '+');
          } else {
            expect(judge.hear(of(one, act), 0)).toBeUndefined();
          }
        }
      }),
    );
  });
});
