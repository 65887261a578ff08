/** `/v1`: the read model as JSON, lists in pages. */

import type { Board } from '../board/board.ts';
import type { Page } from '../core/list-view.ts';
import type { About, Parameter } from './about.ts';
import {
  decodeEventCursor,
  decodeInstanceCursor,
  decodeServiceCursor,
  encodeCursor,
  instanceCursor,
  serviceCursor,
} from './cursor.ts';
import {
  EVENT_PARAMETERS,
  FILTER_PARAMETERS,
  INSTANCE_PARAMETERS,
  readEventFilter,
  readFilter,
  readInstanceFilter,
} from './filters.ts';
import { type ApiResponse, json } from './message.ts';
import { noInstance } from './no-instance.ts';
import type { Query } from './query.ts';
import type { Route } from './router.ts';
import type { SchemaName } from './schemas.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export function listRoutes(board: Board): readonly Route[] {
  return [
    get(
      '/v1/summary',
      { summary: 'Counts over everything, and the registries', answers: { 200: 'Summary' } },
      (query) => query.refusal() ?? json(200, board.summary()),
    ),
    get('/v1/services', page('Services with their counts', 'ServicePage', FILTER_PARAMETERS), (query) =>
      list(query, readFilter(query), {
        decode: decodeServiceCursor,
        items: (filter, after) => board.services(filter, after),
        encode: serviceCursor,
      }),
    ),
    get('/v1/instances', page('Instances', 'InstancePage', INSTANCE_PARAMETERS), (query) =>
      list(query, readInstanceFilter(query), {
        decode: decodeInstanceCursor,
        items: (filter, after) => board.instances(filter, after),
        encode: instanceCursor,
      }),
    ),
    get(
      '/v1/writes',
      page('Instances that are written, and where that stands', 'WritePage', FILTER_PARAMETERS),
      (query) =>
        list(query, readFilter(query), {
          decode: decodeInstanceCursor,
          items: (filter, after) => board.writes(filter, after),
          encode: instanceCursor,
        }),
    ),
    get('/v1/events', page('The last events, newest first', 'EventPage', EVENT_PARAMETERS), (query) =>
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
      about: { summary: 'One instance', answers: { 200: 'Instance' }, problems: [400, 404] },
      answer: ({ query, parameters: { id = '' } }) => {
        const refusal = query.refusal();
        if (refusal !== undefined) return refusal;
        const instance = board.instance(id);
        return instance === undefined ? noInstance(id) : json(200, instance);
      },
    },
  ];
}

function get(path: string, about: About, answer: (query: Query) => ApiResponse): Route {
  return {
    method: 'GET',
    path,
    telemetry: false,
    about: { ...about, problems: [400] },
    answer: ({ query }) => answer(query),
  };
}

function page(summary: string, schema: SchemaName, filters: readonly Parameter[]): About {
  return { summary, query: [...filters, ...PAGING], answers: { 200: schema } };
}

const PAGING: readonly Parameter[] = [
  {
    name: 'limit',
    description: `Members of a page, default ${DEFAULT_LIMIT}`,
    schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT },
  },
  { name: 'cursor', description: 'Where the page before ended', schema: { type: 'string' } },
];

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
