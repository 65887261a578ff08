import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap } from '../../src/lib/heap.ts';

describe('the heap', () => {
  it('gives its items in order of time, whatever was moved and deleted', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), item: fc.nat(30), at: fc.nat(1_000) }),
      fc.record({ kind: fc.constant('delete' as const), item: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const heap = new Heap<number>();
        const model = new Map<number, number>();
        for (const one of operations) {
          if (one.kind === 'set') {
            heap.set(one.item, one.at);
            model.set(one.item, one.at);
          } else {
            expect(heap.delete(one.item)).toBe(model.delete(one.item));
          }
          expect(heap.size).toBe(model.size);
          expect(heap.peek()?.at).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        }
        const drained: number[] = [];
        for (let next = heap.peek(); next !== undefined; next = heap.peek()) {
          expect(model.get(next.item)).toBe(next.at);
          expect(heap.has(next.item)).toBe(true);
          drained.push(next.at);
          heap.delete(next.item);
        }
        expect(drained).toEqual([...model.values()].sort((a, b) => a - b));
      }),
    );
  });
});
