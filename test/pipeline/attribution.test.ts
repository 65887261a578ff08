import { describe, expect, it } from 'vitest';
import { attribution } from '../../src/pipeline/attribution.ts';

const at = (host: string, service = 'web', metadata: Readonly<Record<string, string>> = {}) => ({
  namespace: 'default',
  service,
  host,
  metadata,
});
const many = <T>(count: number, make: (i: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(i));

describe('what those that died together have in common', () => {
  it('is the label that nearly all of them have and hardly any of the others', () => {
    const dead = many(30, (i) =>
      at(`10.0.${i}.1`, `s${i % 5}`, { rack: i === 0 ? 'r8' : 'r7', os: 'linux' }),
    );
    const others = many(70, (i) =>
      at(`10.1.${i}.1`, `s${i % 5}`, { rack: i < 2 ? 'r7' : 'r1', os: 'linux' }),
    );
    expect(attribution(dead, others)).toBe(
      'the 30 that died within a minute have in common: rack=r7 (29 of 30, 2 of 70 others)',
    );
  });

  it('may be their service or their network', () => {
    const dead = many(5, (i) => at(`10.0.3.${i}`, 'pay'));
    const others = many(20, (i) => at(`10.0.4.${i}`, 'web'));
    expect(attribution(dead, others)).toBe(
      'the 5 that died within a minute have in common: network=10.0.3.0/24 (5 of 5, 0 of 20 others), service=default/pay (5 of 5, 0 of 20 others)',
    );
  });

  it('is nothing, which points at us, where they are like the others or all there are', () => {
    const some = many(20, (i) => at(`10.0.${i}.1`, `s${i % 5}`, { rack: `r${i % 4}` }));
    expect(attribution(some.slice(0, 8), some.slice(8))).toBe(
      'no label sets the 8 that died within a minute apart from the others: look at the prober and its network first',
    );
    expect(attribution(some, [])).toBe(
      'the 20 that died within a minute are all there are: look at the prober and its network first',
    );
  });

  it('is not asked of one or two', () => {
    expect(attribution([at('10.0.0.1'), at('10.0.0.2')], [at('10.0.0.3')])).toBeUndefined();
  });
});
