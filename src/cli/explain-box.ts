/** `sonde explain` for people: why an instance has its health. Pure. */

import type { CheckExplainView, ExplainView } from '../core/explain-view.ts';
import type { Intervention } from '../core/intervention.ts';
import type { LastLookView } from '../core/view.ts';
import { formatAge } from '../lib/age.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { printable } from '../lib/text-width.ts';
import { addressOf, age, millis } from './listing.ts';
import { healthText, type Look } from './look.ts';
import { formatSelector } from './selector.ts';
import { paint } from './table.ts';
import { labelled, wrap } from './wrap.ts';

/** `now` as `Clock.wall()`. */
export function explainBox(view: ExplainView, look: Look, now: number): string {
  const { instance, sentence, checks, write, doubt, interventions } = view;
  const { id, registry, namespace, service } = instance;
  const width = look.width - 3;
  const lines = [
    ...wrap(sentence, width),
    ...checks.flatMap((check) => ['', ...checkLines(check, look, width - 2, now)]),
    '',
    ...labelled('write', [write], width),
    ...labelled('prober', doubt === null ? [] : [doubt], width),
    ...interventions.flatMap((one) => labelled(one.kind, [interventionLine(one, now)], width)),
  ];
  const title = printable(`${namespace}/${service} ${addressOf(instance)}`);
  const head = `┌─ ${paint(title, 'strong', look.color)}  (id ${printable(id)}, registry ${printable(registry)})`;
  return `${[head, ...lines.map((line) => `│  ${line}`.trimEnd()), '└─'].join('\n')}\n`;
}

function checkLines(check: CheckExplainView, look: Look, width: number, now: number): readonly string[] {
  const { name, kind, health, reason, since, sentence, position, rule, counters, changes, failures } = check;
  const { shadow } = check;
  const at = (place: string | null): string => (place === null ? '' : `, ${place}`);
  const numbers = Object.entries(counters).map(([key, value]) => `${key} ${value === null ? '-' : value}`);
  const lines = [
    ...wrap(sentence, width),
    ...labelled('check', [`${name} (${kind})${at(position)}`], width),
    ...labelled('rule', [`${rule.name} (${rule.kind})${at(rule.position)}`], width),
    ...labelled('counters', numbers.length === 0 ? [] : [numbers.join(' · ')], width),
    ...labelled(
      'changes',
      changes.map(({ to, when }) => `to ${to}: ${when}`),
      width,
    ),
    ...labelled('shadow', shadow === undefined ? [] : [shadow.sentence], width),
    ...labelled('failures', failures.map(failureLine), width),
  ];
  const title = `check ${printable(name)}: ${healthText(health, look)}, ${reason}, since ${timeOf(since)} (${age(since, now)})`;
  return [title, ...lines.map((line) => `  ${line}`)];
}

function failureLine({ at, cause, duration, detail }: LastLookView): string {
  return `${timeOf(at)} ${cause ?? '-'} after ${millis(duration)}${detail === null ? '' : `: ${detail}`}`;
}

function interventionLine({ id, selector, by, until, reason }: Intervention, now: number): string {
  const left = until === null ? 'until it is lifted' : `${formatAge((parseIsoTime(until) ?? 0) - now)} left`;
  return `${formatSelector(selector)} by ${by}, ${left}: ${reason} (sonde resume ${id})`;
}

/** Time of day in UTC, as in the list of events. */
function timeOf(at: string): string {
  return at.slice(11, 19);
}
