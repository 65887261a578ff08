/** The times of a check: its own, the defaults', or built in; and what about them contradicts itself. */

import { formatDuration, parseDuration } from '../lib/duration.ts';
import type { Findings } from './findings.ts';
import type { ProblemCode } from './problem.ts';
import { childOf, type Node, type ScalarNode, type Span, shownText, textOf } from './tree.ts';

export type TimeKey =
  | 'interval'
  | 'edgeInterval'
  | 'deadInterval'
  | 'timeout'
  | 'connectTimeout'
  | 'startPeriod';

interface Setting {
  /** Milliseconds; undefined where what is written is no duration, which is told elsewhere. */
  readonly ms: number | undefined;
  /** Where it is written, or what it follows from; undefined where it is built in. */
  readonly node?: ScalarNode;
  readonly from: 'check' | 'defaults' | 'built-in';
}

export type Times = Readonly<Record<TimeKey, Setting>>;

const INTERVAL = 5_000;
const TIMEOUT = 2_000;
const CONNECT_TIMEOUT = 500;

/** Without a check: what the defaults alone amount to. */
export function timesOf(check: Node | undefined, defaults: Node | undefined): Times {
  const written = (key: TimeKey): Setting | undefined =>
    settingOf(childOf(check, key), 'check') ?? settingOf(childOf(defaults, key), 'defaults');
  const builtIn = (ms: number): Setting => ({ ms, from: 'built-in' });
  const interval = written('interval') ?? builtIn(INTERVAL);
  const timeout = written('timeout') ?? atMost(TIMEOUT, interval);
  return {
    interval,
    edgeInterval: written('edgeInterval') ?? interval,
    deadInterval: written('deadInterval') ?? interval,
    timeout,
    connectTimeout: written('connectTimeout') ?? atMost(CONNECT_TIMEOUT, timeout),
    startPeriod: written('startPeriod') ?? builtIn(0),
  };
}

function settingOf(node: Node | undefined, from: 'check' | 'defaults'): Setting | undefined {
  if (node === undefined) return undefined;
  const text = textOf(node);
  const ms = text === undefined ? undefined : parseDuration(text);
  return node.kind === 'scalar' ? { ms, node, from } : { ms: undefined, from };
}

/** A built-in time never contradicts a written one: it gives way. */
function atMost(ms: number, limit: Setting): Setting {
  return limit.ms !== undefined && limit.ms > ms ? { ms, from: 'built-in' } : limit;
}

interface Order {
  readonly code: ProblemCode;
  readonly less: TimeKey;
  readonly more: TimeKey;
  readonly because: string;
}

const ORDERS: readonly Order[] = [
  { code: 'SND2004', less: 'timeout', more: 'interval', because: 'looks would overlap' },
  { code: 'SND2005', less: 'connectTimeout', more: 'timeout', because: 'it would never be reached' },
  { code: 'SND2006', less: 'edgeInterval', more: 'interval', because: 'it is for looking sooner' },
  { code: 'SND2007', less: 'interval', more: 'deadInterval', because: 'that one is for looking less often' },
];

/** `owner` is whose times they are: only what has to do with something written there is told, the rest was told before. */
export function tellTimes(times: Times, owner: 'check' | 'defaults', findings: Findings): void {
  for (const { code, less, more, because } of ORDERS) {
    const [a, b] = [times[less], times[more]];
    if (a.ms === undefined || b.ms === undefined || a.ms <= b.ms) continue;
    const [blamed, other] = a.from === owner ? [a, b] : [b, a];
    if (blamed.from !== owner || blamed.node === undefined) continue;
    const otherKey = blamed === a ? more : less;
    findings.add({
      code,
      message: `${less} (${shown(a)}) is over ${more} (${shown(b)}): ${because}`,
      at: blamed.node.span,
      notes: [...usedIn(blamed), ...notesOf(other, otherKey, owner)],
      hint: `${less} must be at most ${more}`,
    });
  }
}

function notesOf(
  { node, from }: Setting,
  key: string,
  owner: string,
): readonly { at: Span; message: string }[] {
  if (node === undefined) return [];
  return [{ at: node.span, message: from === owner ? `${key} is set here` : `${key} inherited from here` }];
}

function usedIn({ node }: Setting): readonly { at: Span; message: string }[] {
  return node?.aliases.map((at) => ({ at, message: 'used here' })) ?? [];
}

function shown({ ms, node }: Setting): string {
  if (node !== undefined && node.references.length > 0) return shownText(node);
  return formatDuration(ms ?? 0);
}
