import { describe, expect, it } from 'vitest';
import type { ProbePlugin } from '../../src/core/probe.ts';
import { describeProbe } from '../contracts/probe.contract.ts';
import { tcp } from '../support/lab/servers.ts';
import { issuesOf, makeProbe } from '../support/probe-bench.ts';

// As sonde loads it: a module by its path, types unknown.
const path = new URL('../../examples/plugins/redis-ping.mjs', import.meta.url).href;
const { probes }: { readonly probes: readonly [ProbePlugin] } = await import(path);
const [redisPing] = probes;

function redis(scope: AsyncDisposableStack, answer = '+PONG\r\n') {
  return tcp(scope, (socket) =>
    socket.on('data', (command: Buffer) => {
      if (command.toString() === 'PING\r\n') socket.write(answer);
    }),
  );
}

describeProbe(redisPing, {
  options: {},
  good: (scope) => redis(scope),
  answers: {
    refuse: 'connect-refused',
    blackHole: 'connect-timeout',
    hang: 'request-timeout',
    resetAtOnce: ['connect-reset', 'response-reset'],
    resetMidByte: 'expectation',
    byteASecond: 'request-timeout',
    endlessBody: 'expectation',
    informationalFlood: 'expectation',
    garbage: 'expectation',
    halfClose: 'response-reset',
  },
});

describe('the example probe', () => {
  it('says what was answered instead', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await redis(scope, '-LOADING Redis is loading the dataset in memory\r\n');
    expect(await makeProbe(redisPing, {}, scope).look(server)).toEqual({
      kind: 'fail',
      cause: 'expectation',
      reached: true,
      detail: 'answered "-LOADING Redis is loading the dataset in memory"',
    });
  });

  it('takes the port from its options', async () => {
    await using scope = new AsyncDisposableStack();
    const { host, port } = await redis(scope);
    expect(await makeProbe(redisPing, { port }, scope).look({ host, port: 1 })).toMatchObject({
      kind: 'pass',
    });
    expect(issuesOf(redisPing, { port: 0 })).toEqual(['port: must be a port']);
  });
});
