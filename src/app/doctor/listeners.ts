/** Whether the addresses to listen on are free, or sonde's already; and whether its clock is ours. */

import { createServer } from 'node:net';
import { listen } from '../../api/listen.ts';
import type { Config, Listen } from '../../config/config.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { parseIsoTime } from '../../lib/iso-time.ts';
import { systemClock } from '../system-clock.ts';
import { error, type Finding, ok, warning } from './finding.ts';

/** Asks `/livez` of a server (as `--server` has it): undefined where nobody answers. */
export type Ask = (
  server: string,
) => Promise<{ readonly alive: boolean; readonly date: string | undefined } | undefined>;

export async function examineListeners({ server }: Config, ask: Ask): Promise<readonly Finding[]> {
  const { listen: main, telemetry, socket, tls } = server;
  const findings = [await examinePort(main, ask, tls !== undefined)];
  if (telemetry !== undefined) findings.push(await examinePort(telemetry, ask, false));
  if (socket === undefined) return findings;
  const answer = await ask(`unix:${socket}`);
  return [
    ...findings,
    ok(answer === undefined ? `${socket} is free` : `${socket} is sonde's: it is running`),
  ];
}

async function examinePort(address: Listen, ask: Ask, secure: boolean): Promise<Finding> {
  const name = formatHostPort(address.host, address.port);
  const answer = await ask(urlOf(address, secure));
  if (answer?.alive === true) return ok(`${name} is sonde's: it is running`);
  const server = createServer();
  const refused = await listen(server, address);
  if (refused === undefined) {
    await new Promise((resolve) => server.close(resolve));
    return ok(`${name} is free`);
  }
  if (secure)
    return warning(
      `${name} is taken: whether by sonde cannot be told, its certificate is not trusted here`,
      'set NODE_EXTRA_CA_CERTS to the authority of the certificate',
    );
  return error(
    `${name} cannot be listened on: ${refused}`,
    'choose another server.listen or server.telemetry',
  );
}

/** Whoever listens everywhere listens here too. */
function urlOf({ host, port }: Listen, secure: boolean): string {
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return `${secure ? 'https' : 'http'}://${formatHostPort(anywhere[host] ?? host, port)}`;
}

/** Milliseconds: HTTP dates are whole seconds. */
const TOLERANCE = 2_000;
/** 2026: no release of sonde is older. */
const OLDEST = 1_767_225_600_000;

/** Marks, events and the ages of states are compared over machines. */
export async function examineClock(server: string, ask: Ask): Promise<readonly Finding[]> {
  const now = systemClock.wall();
  if (now < OLDEST) return [error('the clock of this machine is years behind', 'set it: is NTP running?')];
  const answer = await ask(server);
  const theirs = answer?.date === undefined ? undefined : parseIsoTime(answer.date);
  if (theirs === undefined) return [ok(`nobody answers at ${server}: no clock to compare with`)];
  const apart = Math.abs(systemClock.wall() - theirs);
  const what = `the clock of ${server} and ours are ${apart < TOLERANCE ? 'the same' : `${Math.round(apart / 1_000)} s apart`}`;
  return [
    apart < TOLERANCE
      ? ok(what)
      : warning(what, 'set both by NTP: ages and events are compared over machines'),
  ];
}
