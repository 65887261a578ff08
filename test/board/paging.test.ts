import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBoard } from '../../src/board/board.ts';
import type { Instance } from '../../src/core/instance.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { appeared, departed, makeInstance } from './reports.ts';

const instance = fc
  .record({
    registry: fc.constantFrom('a', 'b'),
    namespace: fc.constantFrom('n', 'N', ''),
    service: fc.constantFrom('s', 'svc', 'Ö'),
    host: fc.constantFrom('h1', 'h2', 'h10'),
    port: fc.constantFrom(9, 10, 80),
  })
  .map(makeInstance);
const step = fc.record({
  add: fc.array(instance, { maxLength: 4 }),
  remove: fc.array(instance, { maxLength: 4 }),
});

describe('paging through a board that changes', () => {
  it('tells whoever is there all the time exactly once, and everybody in one order', () => {
    fc.assert(
      fc.property(
        fc.array(instance, { maxLength: 30 }),
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        (start, steps, size) => {
          const board = createBoard({
            clock: new ManualClock(),
            version: '0',
            registries: [],
            kindOf: () => 'tcp',
          });
          const present = new Map<string, Instance>();
          const always = new Set<string>();
          const add = (one: Instance): void => {
            present.set(one.id, one);
            board.take(appeared(one));
          };
          for (const one of start) add(one);
          for (const id of present.keys()) always.add(id);
          const told: string[] = [];
          let after: Instance | undefined;
          for (let round = 0; ; round++) {
            const page = board.instances({}, after)[Symbol.iterator]();
            let count = 0;
            for (; count < size; count++) {
              const { value, done } = page.next();
              if (done === true) break;
              told.push(value.id);
              after = value as unknown as Instance;
            }
            if (count < size) break;
            const change = steps[round];
            for (const one of change?.remove ?? []) {
              present.delete(one.id);
              always.delete(one.id);
              board.take(departed(one));
            }
            for (const one of change?.add ?? []) add(one);
          }
          expect(new Set(told).size).toBe(told.length);
          expect(told.filter((id) => always.has(id)).toSorted()).toEqual([...always].toSorted());
          const final = [...board.instances({})].map(({ id }) => id);
          expect(final.toSorted()).toEqual([...present.keys()].toSorted());
          const services = [...board.services({})];
          const again = services.flatMap((service) => [...board.services({}, service)].slice(0, 1));
          expect(again).toEqual(services.slice(1));
        },
      ),
    );
  });
});
