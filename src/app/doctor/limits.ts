/** Whether the machine lets this process do as much as the configuration asks for. */

import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import { type Finding, ok, warning } from './finding.ts';

/** Connections that a listener takes at most, and what else is open: registries, files, the log. */
const PER_LISTENER = 1_024;
const OTHERS = 128;

export async function examineLimits({ engine, server }: Config): Promise<readonly Finding[]> {
  const listeners = [server.listen, server.telemetry, server.socket].filter(
    (one) => one !== undefined,
  ).length;
  const files = engine.concurrency + PER_LISTENER * listeners + OTHERS;
  return [
    openFiles(await readOr('/proc/self/limits'), files),
    ephemeralPorts(await readOr('/proc/sys/net/ipv4/ip_local_port_range'), engine.concurrency),
  ];
}

function openFiles(text: string | undefined, needed: number): Finding {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(text ?? '') ?? [];
  if (soft === undefined) return ok('how many files may be open could not be read on this system');
  const most = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  const what = `${soft} files may be open, at most ${needed} are needed`;
  return most >= needed ? ok(what) : warning(what, 'raise it: ulimit -n, or LimitNOFILE= of the unit');
}

/** Each look takes a port, and gives it back at once: connections are closed by reset. */
function ephemeralPorts(text: string | undefined, needed: number): Finding {
  const [, low, high] = /^(\d+)\s+(\d+)/.exec(text ?? '') ?? [];
  if (low === undefined || high === undefined)
    return ok('the range of local ports could not be read on this system');
  const ports = Number(high) - Number(low) + 1;
  const what = `${ports} local ports to connect from, at most ${needed} looks at once`;
  return ports >= 2 * needed
    ? ok(what)
    : warning(what, 'widen net.ipv4.ip_local_port_range, or lower engine.concurrency');
}

async function readOr(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    // Only Linux has it.
    return undefined;
  }
}
