import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Changes } from '../../src/board/changes.ts';

describe('changes', () => {
  it('are told once each, the newest of each thing', () => {
    const changes = new Changes(1);
    const start = changes.revision;
    for (const key of ['a', 'b', 'a', 'c']) changes.mark('instance', key);
    const followed = changes.after(start, 10);
    expect(followed?.changes.map(({ key }) => key)).toEqual(['b', 'a', 'c']);
    expect(followed?.revision).toBe(changes.revision);
    expect(changes.after(changes.revision, 10)?.changes).toEqual([]);
  });

  it('are not known beyond the ring, of the future, or of another process', () => {
    const changes = new Changes(1, 4);
    const start = changes.revision;
    for (let i = 0; i < 5; i++) changes.mark('event', String(i));
    expect(changes.after(start, 10)).toBeUndefined();
    expect(changes.after(start + 1, 10)?.changes).toHaveLength(4);
    for (const other of [changes.revision + 1, Number.NaN, 0])
      expect(changes.after(other, 10)).toBeUndefined();
  });

  it('reach a reader who keeps up, whatever the portions', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 7 }),
        (keys, portion) => {
          const changes = new Changes(1, 64);
          let at = changes.revision;
          const seen = new Set<string>();
          for (const key of keys) changes.mark('instance', String(key));
          while (at < changes.revision) {
            const followed = changes.after(at, portion);
            if (followed === undefined || followed.revision <= at) throw new Error('stands still');
            for (const { key } of followed.changes) seen.add(key);
            at = followed.revision;
          }
          expect(seen).toEqual(new Set(keys.map(String)));
        },
      ),
    );
  });
});
