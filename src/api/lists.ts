/** `/v1`: the read model as JSON, lists in pages. */

import type { Board } from '../board/board.ts';
import type { EventFilter } from '../board/event-log.ts';
import type { Filter } from '../board/filter.ts';
import { EVENT_KINDS } from '../core/event.ts';
import { HEALTHS } from '../core/health.ts';
import type { Page } from '../core/list-view.ts';
import {
  decodeEventCursor,
  decodeInstanceCursor,
  decodeServiceCursor,
  encodeCursor,
  instanceCursor,
  serviceCursor,
} from './cursor.ts';
import { type ApiResponse, json } from './message.ts';
import { problem } from './problem.ts';
import type { Query } from './query.ts';
import type { Route } from './router.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const LONGEST_Q = 200;

export function listRoutes(board: Board): readonly Route[] {
  return [
    get('/v1/summary', (query) => query.refusal() ?? json(200, board.summary())),
    get('/v1/services', (query) =>
      list(query, readFilter(query), {
        decode: decodeServiceCursor,
        items: (filter, after) => board.services(filter, after),
        encode: serviceCursor,
      }),
    ),
    get('/v1/instances', (query) =>
      list(query, readFilter(query), {
        decode: decodeInstanceCursor,
        items: (filter, after) => board.instances(filter, after),
        encode: instanceCursor,
      }),
    ),
    get('/v1/writes', (query) =>
      list(query, readFilter(query), {
        decode: decodeInstanceCursor,
        items: (filter, after) => board.writes(filter, after),
        encode: instanceCursor,
      }),
    ),
    get('/v1/events', (query) =>
      list(query, readEventFilter(query), {
        decode: decodeEventCursor,
        items: (filter, before) => board.events(filter, before),
        encode: ({ id }) => encodeCursor([id]),
      }),
    ),
    {
      method: 'GET',
      path: '/v1/instances/:id',
      telemetry: false,
      answer: ({ query, parameters: { id = '' } }) => {
        const refusal = query.refusal();
        if (refusal !== undefined) return refusal;
        const instance = board.instance(id);
        return instance === undefined ? noInstance(id) : json(200, instance);
      },
    },
  ];
}

export function noInstance(id: string): ApiResponse {
  return problem('not-found', `There is no instance with the id ${JSON.stringify(id)}.`);
}

function get(path: string, answer: (query: Query) => ApiResponse): Route {
  return { method: 'GET', path, telemetry: false, answer: ({ query }) => answer(query) };
}

/** How one list is paged: `P` is a place in its order. */
interface Paging<T, F, P> {
  readonly decode: (cursor: string) => P | undefined;
  readonly items: (filter: F, after: P | undefined) => Iterable<T>;
  readonly encode: (item: T) => string;
}

function list<T, F, P>(query: Query, filter: F, paging: Paging<T, F, P>): ApiResponse {
  const limit = query.integer('limit', 1, MAX_LIMIT, DEFAULT_LIMIT);
  const cursor = query.text('cursor');
  const after = cursor === undefined ? undefined : paging.decode(cursor);
  if (cursor !== undefined && after === undefined) query.wrong('cursor', 'is not one that this list gave');
  const refusal = query.refusal();
  if (refusal !== undefined) return refusal;
  const items: T[] = [];
  let nextCursor: string | null = null;
  for (const item of paging.items(filter, after)) {
    const last = items.at(-1);
    if (items.length === limit && last !== undefined) {
      nextCursor = paging.encode(last);
      break;
    }
    items.push(item);
  }
  return json(200, { items, nextCursor } satisfies Page<T>);
}

function readFilter(query: Query): Filter {
  const registry = query.list('registry');
  const namespace = query.list('namespace');
  const service = query.list('service');
  const health = query.listOf('health', HEALTHS);
  const q = query.text('q');
  if (q !== undefined && q.length > LONGEST_Q) query.wrong('q', `has more than ${LONGEST_Q} characters`);
  return {
    ...(registry === undefined ? {} : { registry }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(service === undefined ? {} : { service }),
    ...(health === undefined ? {} : { health }),
    ...(q === undefined ? {} : { q }),
  };
}

function readEventFilter(query: Query): EventFilter {
  const kind = query.listOf('kind', EVENT_KINDS);
  return { ...readFilter(query), ...(kind === undefined ? {} : { kind }) };
}
