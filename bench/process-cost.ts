/** What a process has cost so far, from /proc. */

import { readFileSync } from 'node:fs';

/** Clock ticks a second that /proc counts in (USER_HZ is 100 on every Linux that Debian supports). */
const TICKS = 100;

/** Milliseconds of CPU, user and system, of the process. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15 (utime, stime), counted behind the name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS;
}

/** Resident memory in MB (10^6 bytes). */
export function memoryMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes) * 1_024) / 1_000_000;
}
