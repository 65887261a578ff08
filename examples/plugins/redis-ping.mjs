/**
 * A probe of one's own: sends PING to a Redis server and expects +PONG, as told by
 * `plugins: [./examples/plugins/redis-ping.mjs]` and `probe: { kind: redis-ping }`. Read core/probe.ts beside it.
 */

import { connect } from 'node:net';

/** Bytes within which the answer must end. */
const LONGEST_ANSWER = 512;

/** @type {import('../../src/core/plugin.ts').OptionsSchema<{ port: number | undefined }>} */
const options = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate(given) {
      const port = given?.port;
      const valid = port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65_535);
      return valid ? { value: { port } } : { issues: [{ message: 'must be a port', path: ['port'] }] };
    },
  },
};

/** @type {import('../../src/core/probe.ts').ProbePlugin<{ port: number | undefined }>} */
const redisPing = {
  name: 'redis-ping',
  summary: 'Sends PING to a Redis server and expects +PONG.',
  options,
  create: ({ port }, { resolve, clock, connectTimeout }) => ({
    async run(instance, signal) {
      // Resolves names and refuses the networks that the registry may not name: never connect without it.
      const resolved = await resolve(instance, instance.host, 'any', signal);
      if (resolved.kind === 'outcome') return resolved.outcome;
      const { address, family } = resolved;
      return ping({ host: address, family, port: port ?? instance.port }, clock, connectTimeout, signal);
    },
  }),
};

/** @returns {Promise<import('../../src/core/outcome.ts').Outcome>} */
async function ping(to, clock, connectTimeout, signal) {
  if (!(to.port >= 1 && to.port <= 65_535)) return { kind: 'skip', cause: 'plugin-error', detail: 'no port' };
  if (signal.aborted) return lost('connect-timeout', false, 'no time was left to connect');
  const started = clock.now();
  const { promise, resolve: end } = Promise.withResolvers();
  const socket = connect({ ...to, autoSelectFamily: false });
  let connected = false;
  let answer = '';

  socket.on('error', (error) => end(connected ? answerFailed(error) : connectFailed(error)));
  socket.on('connect', () => {
    connected = true;
    connecting[Symbol.dispose]();
    socket.write('PING\r\n');
  });
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
    const line = /^[^\r\n]*(?=\r\n)/.exec(answer)?.[0];
    if (line === '+PONG') end({ kind: 'pass', readings: { phases: { total: clock.now() - started } } });
    else if (line !== undefined)
      end(lost('expectation', true, `answered ${JSON.stringify(line.slice(0, 60))}`));
    else if (answer.length > LONGEST_ANSWER) end(lost('protocol', true, 'the answer has no end'));
  });
  socket.on('close', () => end(lost(connected ? 'response-reset' : 'connect-reset', connected, 'closed')));

  const connecting = clock.after(connectTimeout, () =>
    end(lost('connect-timeout', false, `no connection within ${connectTimeout} ms`)),
  );
  // The whole look has its deadline in the signal; the outcome is that of the phase it was in.
  const onAbort = () =>
    end(
      connected
        ? lost('request-timeout', true, 'no answer in time')
        : lost('connect-timeout', false, 'no connection in time'),
    );
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    connecting[Symbol.dispose]();
    // A reset leaves no port in TIME_WAIT; who is still connecting has none to reset.
    if (connected) socket.resetAndDestroy();
    else socket.destroy();
  }
}

/** What keeps us from connecting: our own limits and network are no fault of the target. */
function connectFailed(error) {
  switch (error.code) {
    case 'EMFILE':
    case 'ENFILE':
    case 'EADDRNOTAVAIL':
    case 'ENOBUFS':
      return { kind: 'skip', cause: 'prober-limit', detail: error.message };
    case 'ENETDOWN':
    case 'ENETUNREACH':
      return { kind: 'skip', cause: 'prober-network', detail: error.message };
    case 'ECONNREFUSED':
      return lost('connect-refused', false, error.message);
    case 'ECONNRESET':
      return lost('connect-reset', false, error.message);
    default:
      return lost('connect-unreachable', false, error.message);
  }
}

function answerFailed(error) {
  return lost('response-reset', true, error.message);
}

function lost(cause, reached, detail) {
  return { kind: 'fail', cause, reached, detail };
}

export const probes = [redisPing];
