/**
 * Looks as one line of a Nagios plugin (Monitoring Plugins Development Guidelines): what is wrong, and behind `|` the
 * performance data. Pure.
 */

import type { Sight } from '../app/one-look.ts';
import type { Phases } from '../core/outcome.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { printable } from '../lib/text-width.ts';

export type NagiosCode = 0 | 1 | 2 | 3;

const NAMES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
/** Critical outranks unknown, and that a warning. */
const ORDER: readonly NagiosCode[] = [0, 1, 3, 2];
/** So many looks that did not pass are named. */
const NAMED = 5;

export function nagios(sights: readonly Sight[]): { readonly code: NagiosCode; readonly line: string } {
  const code = ORDER.findLast((one) => sights.some((sight) => codeOf(sight) === one)) ?? 3;
  const [only] = sights;
  const said = sights.length === 1 && only !== undefined ? describe(only) : summary(sights);
  const data = sights.length === 1 && only !== undefined ? timings(only) : counts(sights);
  return nagiosLine(code, said, data);
}

/** Where there was nothing to look at, or no way to. */
export function nagiosUnknown(why: string): { readonly code: NagiosCode; readonly line: string } {
  return nagiosLine(3, why, '');
}

function nagiosLine(
  code: NagiosCode,
  said: string,
  data: string,
): { readonly code: NagiosCode; readonly line: string } {
  // The bar begins the performance data, wherever it stands.
  const text = printable(said).replaceAll('|', '/');
  return { code, line: `${NAMES[code]}: ${text}${data === '' ? '' : ` | ${data}`}\n` };
}

function codeOf({ outcome }: Sight): NagiosCode {
  if (outcome.kind === 'pass') return 0;
  if (outcome.kind === 'skip') return 3;
  return outcome.reached ? 1 : 2;
}

function describe({ outcome, duration }: Sight): string {
  if (outcome.kind === 'pass') return outcome.detail ?? `passed in ${duration.toFixed(1)} ms`;
  return `${outcome.cause}: ${outcome.detail}`;
}

function summary(sights: readonly Sight[]): string {
  const bad = sights.filter(({ outcome }) => outcome.kind !== 'pass');
  if (bad.length === 0) return `all ${sights.length} looks passed`;
  const named = bad
    .toSorted((a, b) => ORDER.indexOf(codeOf(b)) - ORDER.indexOf(codeOf(a)))
    .slice(0, NAMED)
    .map((sight) => {
      const { instance } = sight;
      return `${instance.service} ${formatHostPort(instance.host, instance.port)} ${describe(sight)}`;
    });
  const more = bad.length > NAMED ? ['…'] : [];
  return `${bad.length} of ${sights.length} looks did not pass: ${[...named, ...more].join('; ')}`;
}

const LABELS = {
  dns: 'dns',
  connect: 'connect',
  tls: 'tls',
  firstByte: 'first_byte',
} as const satisfies Record<Exclude<keyof Phases, 'total'>, string>;

/** `time=0.0123s;;;0 connect=0.0004s;;;0`. */
function timings({ outcome, duration }: Sight): string {
  const phases = outcome.kind === 'skip' ? undefined : outcome.readings?.phases;
  const told = Object.entries(LABELS).flatMap(([key, label]) => {
    const ms = phases?.[key as keyof typeof LABELS];
    return ms === undefined ? [] : [datum(label, ms)];
  });
  return [datum('time', duration), ...told].join(' ');
}

function datum(label: string, ms: number): string {
  return `${label}=${(ms / 1_000).toFixed(6)}s;;;0`;
}

function counts(sights: readonly Sight[]): string {
  const passed = sights.filter(({ outcome }) => outcome.kind === 'pass').length;
  return `passed=${passed};;;0;${sights.length} total=${sights.length};;;0`;
}
