/** The frames of a stream: a snapshot of what is wanted, and deltas. */

import type { Board } from '../board/board.ts';
import type { EventFilter } from '../board/event-log.ts';
import { type InstanceFilter, wantsInstanceView, wantsServiceView } from '../board/filter.ts';

export const TOPICS = ['summary', 'services', 'instances', 'events'] as const;
type Topic = (typeof TOPICS)[number];

export interface Wanted {
  readonly topics: ReadonlySet<Topic>;
  readonly filter: EventFilter & InstanceFilter;
}

export interface Frames {
  /** One frame in pieces; returns the revision that deltas go on from. */
  snapshot(): Generator<string, number>;
  /** What changed after the revision, empty where nothing did; undefined where that is not known any more. */
  delta(revision: number): { readonly revision: number; readonly frame: string } | undefined;
  knows(revision: number): boolean;
}

/** Changes in one frame; more wait for the next. */
const MOST = 200;
/** Characters that a piece of a snapshot has at least. */
const PIECE = 65_536;
/** Events of a snapshot. */
const EVENTS = 100;

export function frames(board: Board, { topics, filter }: Wanted): Frames {
  let told = '';

  /** The summary, if it says something new; ages alone are not news. */
  function summary(): string | undefined {
    if (!topics.has('summary')) return undefined;
    const view = board.summary();
    const lasting = JSON.stringify({
      ...view,
      registries: view.registries.map((one) => ({ ...one, snapshotAge: null })),
    });
    if (lasting === told) return undefined;
    told = lasting;
    return JSON.stringify(view);
  }

  function* snapshot(): Generator<string, number> {
    const { revision } = board.changes;
    // Lines of data are joined with line feeds, which JSON does not mind.
    let piece = `event: snapshot\nid: ${revision}\ndata: {"summary":${summary() ?? 'null'}\n`;
    for (const [name, items] of [
      ['services', topics.has('services') ? board.services(filter) : []],
      ['instances', topics.has('instances') ? board.instances(filter) : []],
      ['events', topics.has('events') ? Iterator.from(board.events(filter)).take(EVENTS) : []],
    ] as const) {
      piece += `data: ,"${name}":[\n`;
      let comma = '';
      for (const item of items) {
        piece += `data: ${comma}${JSON.stringify(item)}\n`;
        comma = ',';
        if (piece.length < PIECE) continue;
        yield piece;
        piece = '';
      }
      piece += 'data: ]\n';
    }
    yield `${piece}data: }\n\n`;
    return revision;
  }

  function delta(after: number): ReturnType<Frames['delta']> {
    const followed = board.changes.after(after, MOST);
    if (followed === undefined) return undefined;
    const services: string[] = [];
    const instances: string[] = [];
    const events: string[] = [];
    const gone: { services: unknown[]; instances: string[] } = { services: [], instances: [] };
    for (const { topic, key } of followed.changes) {
      switch (topic) {
        case 'service': {
          if (!topics.has('services')) break;
          const view = board.serviceByKey(key);
          if (view !== undefined && wantsServiceView(filter, view)) services.push(JSON.stringify(view));
          else gone.services.push(JSON.parse(key));
          break;
        }
        case 'instance': {
          if (!topics.has('instances')) break;
          const view = board.instance(key);
          if (view !== undefined && wantsInstanceView(filter, view)) instances.push(JSON.stringify(view));
          else gone.instances.push(key);
          break;
        }
        case 'event': {
          const event = topics.has('events') ? board.event(filter, key) : undefined;
          if (event !== undefined) events.push(JSON.stringify(event));
          break;
        }
        default:
          topic satisfies never;
      }
    }
    const counts = summary();
    const parts = [
      ...(counts === undefined ? [] : [`"summary":${counts}`]),
      ...list('services', services),
      ...list('instances', instances),
      ...list('events', events),
      ...(gone.services.length + gone.instances.length === 0 ? [] : [`"gone":${JSON.stringify(gone)}`]),
    ];
    const { revision } = followed;
    const frame = parts.length === 0 ? '' : `event: delta\nid: ${revision}\ndata: {${parts.join(',')}}\n\n`;
    return { revision, frame };
  }

  return { snapshot, delta, knows: (revision) => board.changes.after(revision, 0) !== undefined };
}

function list(name: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`"${name}":[${items.join(',')}]`];
}
