/** What every probe must do in the laboratory, built in or from a plugin. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Cause } from '../../src/core/cause.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { ProbeDeps, ProbePlugin } from '../../src/core/probe.ts';
import { createResolver } from '../../src/probes/resolve.ts';
import { CountingClock } from '../support/counting-clock.ts';
import { behaviours, blackHole, type LabServer, refusing, tcp } from '../support/lab/servers.ts';
import { ALL_STATES, HELD_STATES, watchSocketsTo } from '../support/lab/sockets.ts';
import { instanceAt, makeProbe, type Place } from '../support/probe-bench.ts';

/** `refuse` and `blackHole` are not reached; the others accept and then behave badly. */
type Illness = Exclude<keyof typeof behaviours, 'echo'> | 'refuse' | 'blackHole';

/** Where an illness shows in one of two ways, by what the kernel tells first, both are named. */
type Answer = Cause | 'pass';

export interface ProbeContract {
  /** Options as in the configuration. */
  readonly options: unknown;
  /** A server that the probe passes. */
  readonly good: (scope: AsyncDisposableStack) => Promise<LabServer>;
  /** How the ill servers are reached; default: plainly over TCP. */
  readonly serve?: typeof tcp;
  /** What the probe must say of each illness; `pass` where it is none of its business. */
  readonly answers: Readonly<Record<Illness, Answer | readonly Answer[]>>;
  /** Looks at once that one server must stand; default 200. */
  readonly storm?: number;
  /** Why it closes by FIN, which leaves the rest to the kernel, if it does. */
  readonly closesByFin?: string;
  /** Why it does not connect by itself (and so has no use for `deps.resolve`), if it does not. */
  readonly connectsNot?: string;
}

const TIMEOUT = 600;
const CONNECT_TIMEOUT = 300;
/** Milliseconds that a look may end after a plain timer that was set at the same moment. */
const MARGIN = 50;

export function describeProbe<O>(plugin: ProbePlugin<O>, contract: ProbeContract): void {
  const make = (scope: AsyncDisposableStack, deps: Partial<ProbeDeps> = {}) =>
    makeProbe(plugin, contract.options, scope, { timeout: TIMEOUT, connectTimeout: CONNECT_TIMEOUT, deps });

  /** Where it closes by FIN, the kernel is left with the rest. */
  const residue = contract.closesByFin === undefined ? ALL_STATES : HELD_STATES;

  describe(`the contract of probes: ${plugin.name} ${JSON.stringify(contract.options)}`, () => {
    it('passes a good server, and leaves no connection, port or timer behind', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      const left = watchSocketsTo(server.port, residue);
      const clock = new CountingClock();
      const { look } = make(scope, { clock });
      for (let i = 0; i < 5; i++) expect(await look(server)).toMatchObject({ kind: 'pass' });
      await expect.poll(left).toEqual({});
      expect(server.accepted()).toBe(5);
      expect(clock.pending).toBe(0);
    });

    // Another attempt where the machine stalled between the plain timer and the end of the look.
    const again = { retry: 2 };
    it.each(Object.entries(contract.answers))(
      'answers %s with %s, in time',
      again,
      async (illness, expected) => {
        await using scope = new AsyncDisposableStack();
        const place = await fallIll(illness as Illness, scope, contract.serve ?? tcp);
        // A server whose answer cannot be read may be closed politely.
        const states = residue.filter((state) => state !== 'time-wait');
        const left = watchSocketsTo(place.port, states);
        const clock = new CountingClock();
        const { probe } = make(scope, { clock });
        const plain = systemClock.sleep(TIMEOUT, NEVER).then(() => systemClock.now());
        const started = systemClock.now();
        // Not by `examine`, which takes a timeout that a stalled machine noticed late for nobody's fault.
        using deadline = systemClock.deadline(TIMEOUT, NEVER);
        const outcome = await probe.run(instanceAt(place), deadline.signal);
        const ended = systemClock.now();
        expect([expected].flat()).toContain(answerOf(outcome));
        if (outcome.kind === 'fail') expect(outcome.detail).toMatch(/^\P{Cc}+$/u);
        if (ended - started > TIMEOUT) expect(ended - (await plain)).toBeLessThan(MARGIN);
        await expect.poll(left).toEqual({});
        await expect.poll(() => clock.pending).toBe(0);
      },
    );

    it('resolves at once when aborted, and closes what it opened', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await (contract.serve ?? tcp)(scope, behaviours.hang);
      const left = watchSocketsTo(server.port, residue);
      const { probe } = makeProbe(plugin, contract.options, scope, {
        timeout: 60_000,
        connectTimeout: 60_000,
      });
      const stop = new AbortController();
      const running = probe.run(instanceAt(server), stop.signal);
      await expect.poll(() => server.accepted() > 0 || 'not yet').toBe(true);
      stop.abort(new Error('shutdown'));
      const first = await Promise.race([running.then(() => 'probe'), systemClock.sleep(1_000, NEVER)]);
      expect(first).toBe('probe');
      await expect.poll(left).toEqual({});
    });

    it('leaves nothing at whatever moment it is aborted', async () => {
      await using scope = new AsyncDisposableStack();
      const serve = contract.serve ?? tcp;
      const servers = [
        await contract.good(scope),
        ...(await Promise.all(Object.values(behaviours).map((behave) => serve(scope, behave)))),
      ];
      const left = servers.map(({ port }) => watchSocketsTo(port, HELD_STATES));
      const clock = new CountingClock();
      const { probe } = make(scope, { clock });
      const step = contract.connectsNot === undefined ? 0.5 : 10;
      const looks = servers.flatMap((server) =>
        Array.from({ length: 30 / step }, async (_, index) => {
          using deadline = systemClock.deadline(index * step, NEVER);
          return await probe.run(instanceAt(server), deadline.signal);
        }),
      );
      const kinds = new Set((await Promise.all(looks)).map(({ kind }) => kind));
      expect(kinds).toContain('fail');
      await expect.poll(() => left.map((grown) => grown()), { timeout: 5_000 }).toEqual(left.map(() => ({})));
      await expect.poll(() => clock.pending, { timeout: 5_000 }).toBe(0);
    });

    it('does not pass when it was aborted before it began', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      const left = watchSocketsTo(server.port, residue);
      const aborted = AbortSignal.abort(new Error('too late'));
      const outcome = await make(scope).probe.run(instanceAt(server), aborted);
      expect(outcome.kind).not.toBe('pass');
      await expect.poll(left).toEqual({});
    });

    it('stands a storm of its own looks at one server', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      const left = watchSocketsTo(server.port, residue);
      const { look } = makeProbe(plugin, contract.options, scope, {
        timeout: 15_000,
        connectTimeout: 10_000,
      });
      const outcomes = await Promise.all(Array.from({ length: contract.storm ?? 200 }, () => look(server)));
      expect(outcomes.filter(({ kind }) => kind !== 'pass')).toEqual([]);
      await expect.poll(left).toEqual({});
    });

    it('never rejects, whatever is registered', async () => {
      await using scope = new AsyncDisposableStack();
      const nobody = createResolver({
        clock: systemClock,
        networks: new Map(),
        lookup: () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
      });
      const { probe } = make(scope, { resolve: nobody });
      const strange = fc.record({
        host: fc.oneof(
          fc.string(),
          fc.constantFrom('', '::1%lo', '[::1]', 'a b', '-x', '0.0.0.0', '169.254.169.254'),
        ),
        port: fc.constantFrom(0, 1, 70_000, -1, Number.NaN),
        metadata: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(strange, async (place) => {
          const outcome = await probe.run(instanceAt(place), AbortSignal.timeout(TIMEOUT));
          expect(outcome.kind).not.toBe('pass');
        }),
        { numRuns: contract.connectsNot === undefined ? 200 : 20 },
      );
    });

    if (contract.connectsNot !== undefined) return;

    it.each<Outcome>([
      { kind: 'fail', cause: 'dns-no-such-name', reached: false, detail: 'no such name' },
      { kind: 'skip', cause: 'dns-no-answer', detail: 'the resolver does not answer' },
      { kind: 'skip', cause: 'address-refused', detail: 'not in the networks' },
    ])('connects only where it may: %s', async (outcome) => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      const { look } = make(scope, { resolve: () => Promise.resolve({ kind: 'outcome', outcome }) });
      expect(await look(server)).toEqual(outcome);
      expect(server.accepted()).toBe(0);
    });
  });
}

const NEVER = new AbortController().signal;

function answerOf(outcome: Outcome): string {
  return outcome.kind === 'pass' ? 'pass' : outcome.cause;
}

async function fallIll(illness: Illness, scope: AsyncDisposableStack, serve: typeof tcp): Promise<Place> {
  if (illness === 'refuse') return refusing();
  return illness === 'blackHole' ? blackHole(scope) : serve(scope, behaviours[illness]);
}
