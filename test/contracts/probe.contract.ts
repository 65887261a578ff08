/** What every probe that speaks over TCP must do in the laboratory, built in or from a plugin. */

import { describe, expect, it } from 'vitest';
import type { Cause } from '../../src/core/cause.ts';
import type { ProbePlugin } from '../../src/core/probe.ts';
import { behaviours, blackHole, type LabServer, refusing, tcp } from '../support/lab/servers.ts';
import { instanceAt, makeProbe } from '../support/probe-bench.ts';

/** The answer that a probe must give to an illness; `pass` where the illness is none of its business. */
export type Answers = Readonly<Record<Illness, Answer | readonly Answer[]>>;
type Answer = Cause | 'pass';
export type Illness = Exclude<keyof typeof behaviours, 'echo'>;

export interface ProbeContract {
  /** Options as in the configuration. */
  readonly options: unknown;
  /** A server that the probe passes. */
  readonly good: (scope: AsyncDisposableStack) => Promise<LabServer>;
  readonly answers: Answers;
}

const TIMEOUT = 400;

export function describeProbe<O>(plugin: ProbePlugin<O>, contract: ProbeContract): void {
  const make = (scope: AsyncDisposableStack) =>
    makeProbe(plugin, contract.options, scope, { timeout: TIMEOUT, connectTimeout: 200 });

  describe(`the contract of probes: ${plugin.name} ${JSON.stringify(contract.options)}`, () => {
    it('passes a good server, and leaves no connection behind', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      expect(await make(scope).look(server)).toMatchObject({ kind: 'pass' });
      await expect.poll(() => server.open.size).toBe(0);
      expect(server.accepted()).toBe(1);
    });

    it.each(Object.entries(contract.answers))('answers %s with %s', async (illness, expected) => {
      await using scope = new AsyncDisposableStack();
      const server = await tcp(scope, behaviours[illness as Illness]);
      const outcome = await make(scope).look(server);
      // Some illnesses show in one of two ways, by what the kernel tells first.
      expect([expected].flat()).toContain('cause' in outcome ? outcome.cause : outcome.kind);
      if (outcome.kind === 'fail') expect(outcome.detail).not.toBe('');
      await expect.poll(() => server.open.size).toBe(0);
    });

    it('says that a refusing server was not reached', async () => {
      await using scope = new AsyncDisposableStack();
      expect(await make(scope).look(await refusing())).toMatchObject({
        kind: 'fail',
        cause: 'connect-refused',
        reached: false,
      });
    });

    it('gives up connecting at the connect timeout', async () => {
      await using scope = new AsyncDisposableStack();
      const outcome = await make(scope).look(await blackHole(scope));
      expect(outcome).toMatchObject({ kind: 'fail', cause: 'connect-timeout', reached: false });
    });

    it('takes a name that does not exist for the target’s fault', async () => {
      await using scope = new AsyncDisposableStack();
      const outcome = await makeProbe(plugin, contract.options, scope, {
        deps: {
          resolve: () =>
            Promise.resolve({
              kind: 'outcome',
              outcome: { kind: 'fail', cause: 'dns-no-such-name', reached: false, detail: 'no such name' },
            }),
        },
      }).look({ host: 'nowhere.test', port: 80 });
      expect(outcome).toMatchObject({ kind: 'fail', cause: 'dns-no-such-name' });
    });

    it('resolves at once when aborted, and closes what it opened', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await tcp(scope, behaviours.hang);
      const { probe } = make(scope);
      const stop = new AbortController();
      const running = probe.run(instanceAt(server), stop.signal);
      await expect.poll(() => server.accepted() > 0).toBe(true);
      stop.abort(new Error('shutdown'));
      const first = await Promise.race([
        running.then(() => 'probe'),
        new Promise((resolve) => setTimeout(resolve, 1_000, 'timer')),
      ]);
      expect(first).toBe('probe');
      await expect.poll(() => server.open.size).toBe(0);
    });

    it('resolves when it was aborted before it began', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      const outcome = await make(scope).probe.run(
        instanceAt(server),
        AbortSignal.abort(new Error('too late')),
      );
      expect(outcome.kind).not.toBe('pass');
    });

    it('survives a storm of connections of its own', async () => {
      await using scope = new AsyncDisposableStack();
      const server = await contract.good(scope);
      const { look } = makeProbe(plugin, contract.options, scope, { timeout: 10_000, connectTimeout: 5_000 });
      const outcomes = await Promise.all(Array.from({ length: 200 }, () => look(server)));
      expect(outcomes.filter(({ kind }) => kind !== 'pass')).toEqual([]);
      await expect.poll(() => server.open.size).toBe(0);
    });
  });
}
