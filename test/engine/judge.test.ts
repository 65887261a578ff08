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
            expect(told).toMatchObject({ total: peers.length, serving: peers.filter(Boolean).length });
            if (act !== 'o') model.set(one, act === '+');
          } else {
            expect(judge.hear(of(one, act), 0)).toBeUndefined();
          }
        }
      }),
    );
  });
});

describe('what else the judge knows', () => {
  function seen(judge: Judge, text: string, one: Target = TARGETS[0] as Target) {
    return [...text].map((mark, index) => judge.hear(of(one, mark), index * 1_000));
  }

  it('judges a shadow on the same observations, without a say in the health', () => {
    const judge = new Judge();
    const one = TARGETS[0] as Target;
    judge.open(one, ruleOf(consecutiveRule, { fall: 5 }), 0, ruleOf(consecutiveRule, { fall: 2 }));
    const last = seen(judge, '++xx').at(-1);
    expect(last?.step.verdict.health).toBe('healthy');
    expect(last?.shadow?.verdict.health).toBe('dead');
    judge.open(TARGETS[1] as Target, ruleOf(consecutiveRule), 0);
    expect(seen(judge, '+', TARGETS[1])[0]).not.toHaveProperty('shadow');
  });

  it('takes for background loss what healed, and no outage', () => {
    let loss = 0;
    const plain = ruleOf(consecutiveRule);
    const rule: Rule = {
      initial: plain.initial.bind(plain),
      verdict: plain.verdict.bind(plain),
      step: (state, observation_, env) => {
        loss = env.backgroundLoss;
        return plain.step(state, observation_, env);
      },
    };
    const outage = new Judge();
    outage.open(TARGETS[0] as Target, rule, 0);
    seen(outage, `+${'x'.repeat(100)}+++`);
    expect(loss).toBeLessThan(0.011);
    const lossy = new Judge();
    lossy.open(TARGETS[0] as Target, rule, 0);
    seen(lossy, '+x'.repeat(100));
    expect(loss).toBeGreaterThan(0.05);
  });
});
