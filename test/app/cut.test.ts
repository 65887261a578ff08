import { expect, it } from 'vitest';
import type { Instance } from '../../src/core/instance.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { AppBench } from '../support/app-bench.ts';
import { FakeMemory } from '../support/fake-memory.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { ManualClock } from '../support/manual-clock.ts';

const PASS: Outcome = { kind: 'pass' };
const FAILED: Outcome = { kind: 'fail', cause: 'status', reached: true, detail: '500' };
const REFUSED: Outcome = { kind: 'fail', cause: 'connect-refused', reached: false, detail: 'refused' };
const START = Date.UTC(2026, 0, 1);
const END = START + 90_000;

/** Every record of the journal in its order: what any cut of the file leaves is the records before it. */
class Recorded implements Memory {
  readonly records: { readonly key: string; readonly text: string | undefined }[] = [];
  recall(): undefined {
    return undefined;
  }
  remember(key: string, value: unknown): void {
    this.records.push({ key, text: value === undefined ? undefined : JSON.stringify(value) });
  }
  cutAfter(count: number): FakeMemory {
    const left = new Map<string, string>();
    for (const { key, text } of this.records.slice(0, count)) {
      if (text === undefined) left.delete(key);
      else left.set(key, text);
    }
    return new FakeMemory(left);
  }
}

/** The same in every life: it depends on the time alone. */
function look({ key }: Instance, clock: ManualClock): Outcome {
  const at = clock.now() - START;
  switch (key) {
    case 'ill:1':
      return Math.floor(at / 1_000) % 2 === 0 ? PASS : FAILED;
    case 'gone:1':
      return REFUSED;
    case 'dying:1':
      return at < 45_000 ? PASS : REFUSED;
    case 'healing:1':
      return at < 40_000 ? REFUSED : PASS;
    default:
      return PASS;
  }
}

function begin(registry: FakeRegistry, memory: Memory, at: number): AppBench {
  const bench = new AppBench({
    registry,
    look,
    clock: new ManualClock(at),
    rule: { window: { count: 10 } },
    memory,
  });
  const [check] = bench.config.checks;
  if (check?.interval !== 5_000) throw new Error('the seconds below are of another interval');
  bench.start();
  return bench;
}

const valuesOf = (registry: FakeRegistry, key: string): readonly string[] =>
  registry.writes
    .filter((one) => one.key === `web/${key}`)
    .map(({ value }) => value)
    .filter((value, index, all) => value !== all[index - 1]);

/** Of all that was said in the order in which it was said, some left out. */
function isPartOf(some: readonly string[], all: readonly string[]): boolean {
  let at = 0;
  for (const one of all) if (one === some[at]) at++;
  return at === some.length;
}

it('killed at any moment, with its journal cut after any record: no health flips, nothing is written that was not judged', async () => {
  const KEYS = ['well:1', 'ill:1', 'gone:1', 'dying:1', 'healing:1'];
  const registry = new FakeRegistry();
  for (const key of KEYS) registry.put('web', key);
  for (let i = 2; i < 8; i++) registry.put('web', `well:${i}`);
  const memory = new Recorded();
  const first = begin(registry, memory, START);
  const kills: {
    readonly at: number;
    readonly registry: FakeRegistry;
    readonly from: number;
    readonly to: number;
  }[] = [];
  while (first.clock.now() < END) {
    const from = memory.records.length;
    await first.clock.advance(1_000);
    // From when on all have a health.
    if (first.clock.now() > START + 30_000)
      kills.push({ at: first.clock.now(), registry: registry.copy(), from, to: memory.records.length });
  }
  await first.stop();
  const truth = new Map(KEYS.map((key) => [key, valuesOf(registry, key)]));
  expect(truth.get('well:1')).toEqual(['healthy']);
  expect(truth.get('ill:1')).toEqual(['sub-healthy']);
  expect(truth.get('gone:1')).toEqual(['dead']);
  expect(truth.get('dying:1')?.at(-1)).toBe('dead');
  expect(truth.get('healing:1')).toEqual(['dead', 'sub-healthy', 'healthy']);

  let lives = 0;
  for (const kill of kills) {
    for (let cut = kill.from; cut <= kill.to; cut++) {
      lives++;
      const where = `killed at ${kill.at - START} ms, cut after ${cut} records`;
      const again = kill.registry.copy();
      const next = begin(again, memory.cutAfter(cut), kill.at + 1_500);
      await next.clock.advance(100);
      for (const { host, health } of next.app.board.instances({})) {
        if (host === 'well') expect(health, where).toBe('healthy');
        if (host === 'ill') expect(health, where).toBe('sub-healthy');
        if (host === 'gone') expect(health, where).toBe('dead');
        expect(health, where).not.toBe('unknown');
      }
      await next.clock.advance(END + 60_000 - next.clock.now());
      await next.stop();
      for (const key of KEYS) {
        const values = valuesOf(again, key);
        const all = truth.get(key) ?? [];
        expect([where, key, values, isPartOf(values, all)]).toEqual([where, key, values, true]);
        expect(again.mark('web', key)?.health, `${where} ${key}`).toBe(all.at(-1));
      }
    }
  }
  expect(lives).toBeGreaterThan(100);
}, 120_000);
