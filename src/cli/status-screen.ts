/** `sonde status` for people. Pure. */

import { HEALTHS } from '../core/health.ts';
import type { Intervention } from '../core/intervention.ts';
import type { LocalHealthView, RegistryView } from '../core/view.ts';
import { formatAge } from '../lib/age.ts';
import { printable } from '../lib/text-width.ts';
import { age, type ColumnOptions, type Listing, text } from './listing.ts';
import { INTERVENTIONS, SERVICES } from './listings.ts';
import { healthText, type Look } from './look.ts';
import { type Facts, sum } from './status-facts.ts';
import { type Column, paint, renderTable } from './table.ts';
import { labelled, wrap } from './wrap.ts';

/** Lines of a rejected configuration's frames that a screen holds. */
const FRAME = 12;

/** `facts.services` are those to be shown; `now` as `Clock.wall()`. */
export function statusScreen(
  server: string,
  facts: Facts,
  troubles: readonly string[],
  look: Look,
  now: number,
): string {
  const { summary, configuration, services, interventions } = facts;
  const { instances, registries, firstRound, targets } = summary;
  const counts = HEALTHS.toReversed()
    .filter((health) => instances[health] > 0)
    .map((health) => `${instances[health]} ${healthText(health, look)}`);
  const held = registries.reduce((total, one) => total + one.held, 0);
  const pending = registries.reduce((total, one) => total + one.pendingWrites, 0);
  const round =
    firstRound.done < firstRound.total ? `, first round ${firstRound.done} of ${firstRound.total}` : '';
  const lines = [
    `${paint(`sonde ${printable(summary.version)}`, 'strong', look.color)} at ${printable(server)}`,
    ...labelled('config', [configurationLine(configuration, now)], look.width),
    `${'instances'.padEnd(13)}${sum(instances)} of ${summary.services} ${summary.services === 1 ? 'service' : 'services'}${counts.length === 0 ? '' : `: ${counts.join(', ')}`}`,
    ...labelled('targets', [`${targets}${round}`], look.width),
    ...labelled('writes', [`${pending} pending, ${held} held`], look.width),
    ...labelled('prober', [proberLine(summary.prober)], look.width),
    '',
    ...table(REGISTRIES, registries, look),
    ...section('Worst services', SERVICES, services, look, now),
    ...section('Interventions', INTERVENTIONS, interventions satisfies readonly Intervention[], look, now),
    '',
    ...verdict(troubles, instances.unknown, look),
    ...rejection(configuration.rejected?.text),
  ];
  return `${lines.join('\n')}\n`;
}

function proberLine({ score, anchors }: LocalHealthView): string {
  const reached = anchors.filter((one) => one.reached === true).length;
  const beside = anchors.length === 0 ? '' : `, ${reached} of ${anchors.length} anchors reached`;
  return `local health ${score}, 0 is well and 8 the worst${beside}`;
}

function configurationLine({ source, revision, appliedAt }: Facts['configuration'], now: number): string {
  return `${source}, revision ${revision}, applied ${age(appliedAt, now)} ago`;
}

const REGISTRIES: readonly Column<RegistryView>[] = [
  text('REGISTRY', ({ name }) => name),
  text('KIND', ({ kind }) => kind),
  text('ANSWERS', ({ up }) => (up ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'bad' })),
  text('CONFIRMED', ({ snapshotAge }) =>
    snapshotAge === null ? 'never' : `${formatAge(snapshotAge * 1_000)} ago`,
  ),
  text('INSTANCES', ({ instances }) => String(instances)),
  text('MODE', ({ writeMode }) => writeMode),
  text('PENDING', ({ pendingWrites }) => String(pendingWrites)),
  text('HELD', ({ held }) => String(held)),
];

function section<R>(
  title: string,
  listing: Listing<R>,
  rows: readonly R[],
  look: Look,
  now: number,
): readonly string[] {
  if (rows.length === 0) return [];
  const options: ColumnOptions = { now, glyphs: look.glyphs, wide: false };
  return ['', paint(title, 'strong', look.color), ...table(listing.columns(options), rows, look)];
}

function table<R>(columns: readonly Column<R>[], rows: readonly R[], look: Look): readonly string[] {
  return renderTable(columns, rows, look)
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
}

function verdict(troubles: readonly string[], unknown: number, look: Look): readonly string[] {
  if (troubles.length === 0) {
    const but =
      unknown === 0 ? '' : ` ${unknown} ${unknown === 1 ? 'instance has' : 'instances have'} no health yet.`;
    return [`${paint('√ All is well.', 'good', look.color)}${but}`];
  }
  return troubles.flatMap((trouble) =>
    wrap(trouble, look.width - 2).map((line, at) =>
      at === 0 ? paint(`× ${line}`, 'bad', look.color) : `  ${line}`,
    ),
  );
}

function rejection(frames: string | undefined): readonly string[] {
  if (frames === undefined) return [];
  const lines = frames
    .trimEnd()
    .split('\n')
    .map((line) => `  ${printable(line)}`);
  return lines.length <= FRAME
    ? lines
    : [...lines.slice(0, FRAME), `  … ${lines.length - FRAME} more lines: sonde validate`];
}
