import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WritableHealth } from '../../src/core/health.ts';
import {
  decide,
  type MarkRecord,
  readMark,
  type WeightScale,
  weightBefore,
} from '../../src/registries/shared/mark.ts';

const SCALE = { subHealthy: 0.3, dead: 0 };
const health = fc.constantFrom<WritableHealth>('healthy', 'sub-healthy', 'dead');

/** A registry of one instance that keeps weight and mark in one place, as etcd does. */
class Place {
  weight: number | undefined;
  mark: unknown;

  constructor(weight: number | undefined, mark?: unknown) {
    this.weight = weight;
    this.mark = mark;
  }

  write(wanted: WritableHealth | 'release', scale: WeightScale, { force = false, writer = 'sonde' } = {}) {
    const mark = readMark(this.mark, this.weight);
    const desired =
      wanted === 'release'
        ? { kind: 'release' as const }
        : { kind: 'health' as const, health: wanted, reason: 'slow', since: '2026-01-01T00:00:00.000Z' };
    const standing = { mark, ownWeight: weightBefore(mark, this.weight) };
    const decision = decide({ desired, writer, force }, standing, scale);
    if (decision.kind === 'receipt') return decision.receipt;
    this.weight = decision.weight;
    this.mark = decision.mark && (JSON.parse(JSON.stringify(decision.mark)) as MarkRecord);
    return 'written';
  }

  get found() {
    return readMark(this.mark, this.weight);
  }
}

describe('the mark', () => {
  it('scales from the original however often it is written, with scaling on or off, and a release restores it', () => {
    const weights = fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined });
    const writes = fc.array(fc.tuple(health, fc.boolean()), { maxLength: 12 });
    fc.assert(
      fc.property(weights, writes, (original, sequence) => {
        const place = new Place(original);
        for (const [wanted, scaled] of sequence) {
          const changed = place.write(wanted, scaled ? SCALE : undefined) === 'written';
          expect(place.found?.intact).toBe(true);
          expect(place.found?.health).toBe(wanted);
          const factor = { healthy: 1, 'sub-healthy': 0.3, dead: 0 }[wanted];
          if (changed && original !== undefined)
            expect(place.weight).toBeCloseTo(scaled ? original * factor : original, 3);
          const now = JSON.stringify(place);
          expect(place.write(wanted, scaled ? SCALE : undefined)).toBe('unchanged');
          expect(JSON.stringify(place)).toBe(now);
        }
        place.write('release', SCALE);
        expect(place).toEqual(new Place(original));
      }),
    );
  });

  it('notices whatever is edited in it', () => {
    const edits = fc.record(
      {
        health,
        reason: fc.string(),
        since: fc.string(),
        writer: fc.string(),
        version: fc.integer(),
        original: fc.record({ weight: fc.integer() }),
        seal: fc.string(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(edits, (edit) => {
        const place = new Place(100);
        place.write('sub-healthy', SCALE);
        const before = JSON.stringify(place.mark);
        const edited = { ...(place.mark as object), ...edit };
        fc.pre(JSON.stringify(edited) !== before);
        place.mark = edited;
        expect(place.found?.intact).toBe(false);
        expect(place.write('dead', SCALE)).toBe('contested');
        expect(place.mark).toBe(edited);
      }),
    );
  });

  it('takes what it cannot read for somebody’s, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (stored) => {
        fc.pre(stored !== null);
        const place = new Place(100, stored);
        expect(place.found?.intact).toBe(false);
        expect(place.write('dead', SCALE)).toBe('contested');
        expect(place.write('dead', SCALE, { force: true })).toBe('written');
      }),
    );
    expect(readMark(undefined, 1)).toBeUndefined();
    expect(readMark(null, 1)).toBeUndefined();
  });

  it('leaves a mark of a newer version alone', () => {
    const place = new Place(30, { health: 'dead', writer: 'sonde', version: 2, more: {} });
    expect(place.write('healthy', SCALE)).toBe('contested');
    expect(place.write('release', SCALE)).toBe('contested');
    expect(place.weight).toBe(30);
  });

  it('lets the provider change a weight that is not scaled', () => {
    const place = new Place(100);
    place.write('healthy', SCALE);
    place.weight = 200;
    expect(place.found?.intact).toBe(true);
    place.write('sub-healthy', SCALE);
    expect(place.weight).toBe(60);
    place.weight = 100;
    expect(place.write('dead', SCALE)).toBe('contested');
  });

  it('belongs to its writer', () => {
    const place = new Place(100);
    place.write('dead', SCALE, { writer: 'other' });
    expect(place.write('dead', SCALE)).toBe('contested');
    expect(place.write('dead', SCALE, { force: true })).toBe('written');
    expect(place.found?.writer).toBe('sonde');
    place.write('release', SCALE);
    expect(place).toEqual(new Place(100));
  });
});
