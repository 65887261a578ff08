/** What every rule must do, built in or from a plugin. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAILURE_CAUSES, HEALTH_REASONS } from '../../src/core/cause.ts';
import { HEALTHS } from '../../src/core/health.ts';
import type { Rule, RulePlugin } from '../../src/core/rule.ts';
import { steps, timeline, UNKNOWN } from '../support/timeline.ts';

const outcomes = fc.string({ unit: fc.constantFrom('+', '~', '-', 'x', 'o'), maxLength: 80, size: 'max' });

const REASONS: ReadonlySet<string> = new Set([...FAILURE_CAUSES, ...HEALTH_REASONS]);
const CADENCES: ReadonlySet<string> = new Set(['normal', 'suspicious', 'dead']);

/** Every text of so many outcomes. */
function textsOf(length: number): readonly string[] {
  if (length === 0) return [''];
  return textsOf(length - 1).flatMap((text) => ['+', '~', '-', 'x', 'o'].map((mark) => text + mark));
}

/** The rule with the options that it has when none are given. */
export function ruleOf<O>(plugin: RulePlugin<O>, options: unknown = {}): Rule {
  const result = plugin.options['~standard'].validate(options);
  if (result instanceof Promise) throw new Error('options must be validated synchronously');
  if (result.issues !== undefined) throw new Error(JSON.stringify(result.issues));
  return plugin.create(result.value, { interval: 5_000 });
}

export function describeRule<O>(plugin: RulePlugin<O>, options: unknown = {}): void {
  const rule = ruleOf(plugin, options);

  describe(`the contract of rules: ${plugin.name} ${JSON.stringify(options)}`, () => {
    it('knows nothing before there is evidence', () => {
      expect(rule.verdict(rule.initial(UNKNOWN))).toMatchObject({
        health: 'unknown',
        reason: 'no-evidence',
        numbers: { rate: null, total: 0, windowStart: null },
      });
    });

    it('is a function of what it is given', () => {
      fc.assert(
        fc.property(outcomes, (text) => {
          expect(steps(rule, text)).toEqual(steps(rule, text));
        }),
      );
    });

    it('ends healthy when all pass, and dead when nothing is reached', () => {
      expect(timeline(rule, '+'.repeat(200))).toMatch(/h$/);
      expect(timeline(rule, 'x'.repeat(200))).toMatch(/d$/);
      expect(timeline(rule, `${'+'.repeat(50)}${'x'.repeat(200)}`)).toMatch(/d$/);
      expect(timeline(rule, `${'x'.repeat(50)}${'+'.repeat(200)}`)).toMatch(/h$/);
    });

    it('does not jump from healthy to dead on one outcome', () => {
      expect(timeline(rule, `${'+'.repeat(50)}x`)).toMatch(/h$/);
    });

    it('counts no skip', () => {
      fc.assert(
        fc.property(outcomes, (text) => {
          const with_ = steps(rule, text).at(-1)?.state;
          const after = steps(rule, `${text}oooo`).at(-1)?.state;
          if (text !== '') expect(after).toEqual(with_);
        }),
      );
      expect(timeline(rule, 'o'.repeat(100))).toMatch(/^u+$/);
    });

    it('has a state that survives JSON', () => {
      fc.assert(
        fc.property(outcomes, (text) => {
          const state = steps(rule, text).at(-1)?.state ?? rule.initial(UNKNOWN);
          expect(JSON.parse(JSON.stringify(state))).toEqual(state);
          expect(state).toHaveProperty('version');
        }),
      );
    });

    it('keeps the health it is seeded with until there is evidence', () => {
      for (const health of ['healthy', 'sub-healthy', 'dead'] as const) {
        const seed = { health, reason: 'slow', graceUntil: 0 } as const;
        expect(rule.verdict(rule.initial(seed))).toMatchObject({ health, reason: 'slow' });
        expect(timeline(rule, 'o', { seed })).toBe(health.slice(0, 1));
      }
      const healthy = { health: 'healthy', reason: 'passing', graceUntil: 0 } as const;
      expect(timeline(rule, 'x', { seed: healthy })).toBe('h');
    });

    it('counts no failure within the grace before the first pass', () => {
      const seed = { ...UNKNOWN, graceUntil: 60_000 };
      expect(timeline(rule, 'x'.repeat(50), { seed })).toMatch(/^u+$/);
      expect(timeline(rule, `+${'x'.repeat(50)}`, { seed })).toMatch(/d$/);
      expect(timeline(rule, 'x'.repeat(120), { seed })).toMatch(/d$/);
    });

    it('asks for at most four confirmations, and for none while it is dead', () => {
      fc.assert(
        fc.property(outcomes, (text) => {
          for (const { confirmations, verdict } of steps(rule, text)) {
            expect(confirmations).toBeGreaterThanOrEqual(0);
            expect(confirmations).toBeLessThanOrEqual(4);
            if (verdict.health === 'dead') expect(confirmations).toBe(0);
          }
        }),
      );
    });

    it('says only healths, reasons and cadences that there are', () => {
      const known = (text: string): boolean =>
        steps(rule, text).every(
          ({ verdict, cadence }) =>
            HEALTHS.includes(verdict.health) &&
            REASONS.has(verdict.reason) &&
            (typeof cadence === 'object' ? cadence.within >= 0 : CADENCES.has(cadence)),
        );
      // Random texts are too few to meet the one corner of a small window: these are all of six outcomes.
      expect(textsOf(6).filter((text) => !known(text))).toEqual([]);
      fc.assert(fc.property(outcomes, known));
    });

    it('tells numbers that fit together', () => {
      fc.assert(
        fc.property(outcomes, (text) => {
          for (const { verdict } of steps(rule, text)) {
            const { rate, reach, passed, total, inRow } = verdict.numbers;
            expect(passed).toBeLessThanOrEqual(total);
            expect(inRow).toBeGreaterThanOrEqual(0);
            if (total === 0) expect(rate).toBeNull();
            else {
              expect(rate).toBeCloseTo(passed / total, 12);
              expect(reach).toBeGreaterThanOrEqual(rate ?? 2);
            }
          }
        }),
      );
    });
  });
}
