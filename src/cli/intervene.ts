/** `sonde pause`, `hold` and `release`: an operator's word that outranks sonde's judgement in what is written. */

import { type Command, Option } from 'commander';
import type { Clock } from '../core/clock.ts';
import type { Intervention, InterventionKind, Selector } from '../core/intervention.ts';
import type { InstanceView } from '../core/view.ts';
import { formatAge } from '../lib/age.ts';
import { parseDuration } from '../lib/duration.ts';
import { parseIsoTime } from '../lib/iso-time.ts';
import { printable } from '../lib/text-width.ts';
import type { Client } from './client.ts';
import { addChangeOptions, connectTo } from './connect.ts';
import type { Io } from './io.ts';
import { INSTANCES } from './listings.ts';
import { lookFor } from './look.ts';
import { formatSelector, parseSelector, selects } from './selector.ts';
import type { ChangeOptions } from './server.ts';
import { renderTable } from './table.ts';
import { giveUp, printDocument } from './tell.ts';
import { whoami } from './whoami.ts';

interface InterveneOptions extends ChangeOptions {
  readonly reason: string;
  readonly by?: string;
  readonly for?: string;
  readonly dryRun?: true;
  readonly output: 'text' | 'json';
}

/** Nobody remembers to end a maintenance. */
const PAUSE = '1h';

interface Word {
  readonly kind: InterventionKind;
  readonly summary: string;
  /** How it is told once it is done. */
  readonly done: string;
  readonly lasts: string | undefined;
  readonly examples: readonly string[];
}

const WORDS: readonly Word[] = [
  {
    kind: 'pause',
    summary: 'Maintenance: instances are probed and shown, and nothing is written of them',
    done: 'Paused',
    lasts: PAUSE,
    examples: [
      "sonde pause shop/web-cart --reason 'new disk' --for 30m",
      "sonde pause 10.2.4.17:8080 --reason 'kernel update' --dry-run",
    ],
  },
  {
    kind: 'hold',
    summary: 'Write nothing worse of instances; recoveries are written',
    done: 'Held',
    lasts: undefined,
    examples: ["sonde hold 'prod/*/*' --reason 'the network is being moved' --for 2h"],
  },
  {
    kind: 'release',
    summary: 'Take back what was written of instances, and write nothing',
    done: 'Released',
    lasts: undefined,
    examples: ["sonde release 'web-*' --reason 'the owners look after themselves'"],
  },
];

export function addInterventions(program: Command, io: Io, clock: Clock): void {
  for (const word of WORDS) addIntervention(program, word, io, clock);
}

function addIntervention(program: Command, word: Word, io: Io, clock: Clock): void {
  const always = word.lasts === undefined ? 'default: until sonde resume' : `default ${word.lasts}`;
  const command = program
    .command(word.kind)
    .description(word.summary)
    .argument(
      '<selector>',
      'SERVICE, NAMESPACE/SERVICE or REGISTRY/NAMESPACE/SERVICE (globs), host:port, or the id of an instance',
    )
    .requiredOption('--reason <text>', 'why, for the events and for whoever finds it')
    .option('--for <duration>', `how long, as in 30m or 2h (${always})`)
    .option('--by <name>', 'who says so (default: user@host)')
    .option('--dry-run', 'only list the instances that it would concern')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  addChangeOptions(command)
    .addHelpText('after', `\nExamples:\n${word.examples.map((line) => `  ${line}\n`).join('')}`)
    .action((text: string, options: InterveneOptions) =>
      intervene(text, options, { word, command, io, clock }),
    );
}

interface InterveneDeps {
  readonly word: Word;
  readonly command: Command;
  readonly io: Io;
  readonly clock: Clock;
}

async function intervene(text: string, options: InterveneOptions, deps: InterveneDeps): Promise<void> {
  const { word, command, io, clock } = deps;
  const selector = parseSelector(text) ?? command.error(`error: '${text}' selects nothing: ${FORMS}`);
  if (options.reason.trim() === '') command.error('error: --reason must not be empty');
  const lasts = options.for ?? word.lasts;
  if (lasts !== undefined && !(Number(parseDuration(lasts)) > 0))
    command.error(`error: --for ${lasts} is no duration; write it as in 30m or 2h`);
  await using client = await connectTo(options, command, io, clock);
  if (options.dryRun === true) {
    await listConcerned(selector, options, client, deps);
    return;
  }
  const order = {
    kind: word.kind,
    selector,
    reason: options.reason,
    by: options.by ?? whoami(),
    ...(lasts === undefined ? {} : { for: lasts }),
  };
  const laid = await client.change<Intervention>('POST', '/v1/interventions', order, io.signal);
  if (laid.kind === 'failed') giveUp(io, laid);
  else if (options.output === 'json') printDocument(io, 'json', laid.value);
  else io.out.write(sentence(laid.value, word, options.for === undefined, clock.wall()));
}

const FORMS =
  'write SERVICE, NAMESPACE/SERVICE, REGISTRY/NAMESPACE/SERVICE, host:port or the id of an instance';

function sentence(
  { id, selector, instances, until }: Intervention,
  word: Word,
  unasked: boolean,
  now: number,
): string {
  const left = until === null ? '' : formatAge((parseIsoTime(until) ?? 0) - now + 999);
  const because = unasked && word.lasts !== undefined ? '; --for says how long' : '';
  const end = until === null ? 'until it is lifted' : `until ${until.slice(11, 19)} UTC (${left}${because})`;
  const whom = instances === 1 ? '1 instance' : `${instances} instances`;
  const nobody = instances === 0 ? ' now; it holds for those that appear' : '';
  return printable(`${word.done} ${formatSelector(selector)}: ${whom}${nobody}, ${end}.`).concat(
    `\nsonde resume ${id} lifts it.\n`,
  );
}

async function listConcerned(
  selector: Selector,
  { output }: InterveneOptions,
  client: Client,
  { word, io, clock }: InterveneDeps,
): Promise<void> {
  const all = await client.list<InstanceView>('/v1/instances', {}, io.signal);
  if (all.kind === 'failed') {
    giveUp(io, all);
    return;
  }
  const concerned = all.value.filter((instance) => selects(selector, instance));
  if (output === 'json') {
    printDocument(io, 'json', concerned);
    return;
  }
  const look = lookFor(io, false);
  if (concerned.length > 0)
    io.out.write(renderTable(INSTANCES.columns({ ...look, now: clock.wall() }), concerned, look));
  const whom = concerned.length === 1 ? '1 instance' : `${concerned.length} instances`;
  io.err.write(
    `${word.kind} ${printable(formatSelector(selector))} would concern ${whom}; nothing was done.\n`,
  );
}
